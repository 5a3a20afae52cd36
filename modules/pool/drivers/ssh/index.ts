import type { PoolDriver } from "../driver.ts";

/** Servers that exist and are reached by ssh. */
export const ssh: PoolDriver = {
  name: "ssh",
  machines: false,
  *faults(typed) {
    if (typed.libvirt !== undefined) {
      yield {
        path: ["libvirt"],
        at: "key",
        message: "has no effect with driver: ssh; choose driver: libvirt, or remove it",
      };
    }
    for (const [index, node] of (typed.nodes ?? []).entries()) {
      if (node.address === undefined) {
        yield {
          path: ["nodes", index],
          at: "value",
          message: `${node.name} needs an address with driver: ssh, like \`address: 10.0.0.1\``,
        };
      }
      for (const key of ["machine", "count"] as const) {
        if (node[key] === undefined) continue;
        const message = "has no effect with driver: ssh: its servers are there already";
        yield { path: ["nodes", index, key], at: "key", message };
      }
    }
  },
};
