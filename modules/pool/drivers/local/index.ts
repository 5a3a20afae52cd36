import type { PoolDriver } from "../driver.ts";

/** The Docker Engine that the command talks to: a Swarm of one node, or one that others look after. */
export const local: PoolDriver = {
  name: "local",
  machines: false,
  *faults(typed) {
    for (const key of ["ssh", "nodes", "libvirt"] as const) {
      if (typed[key] === undefined) continue;
      yield {
        path: [key],
        at: "key",
        message: "has no effect with driver: local; choose another driver, or remove it",
      };
    }
  },
};
