import type { Path, Rule, RuleFinding, World } from "../config/types.ts";
import { isInside, networkRanges } from "../networks/index.ts";
import { drivers, type TypedPool } from "./drivers/index.ts";
import { resolveNode, type TypedNode } from "./node.ts";
import { edges, managers } from "./roles.ts";
import type { Pool, PoolNode } from "./types.ts";

/** What the driver needs, and what has no effect with it. */
export const poolDriver: Rule = {
  name: "pool-driver",
  *check(world) {
    const it = read(world);
    if (it === undefined || world.platform === undefined) return;
    for (const { path, at, message } of drivers[it.pool.driver].faults(it.typed, it.pool, world.platform.networks)) {
      yield { ...fault(path, message), at };
    }
  },
};

/** A pool of servers can decide, and be visited. */
export const poolRoles: Rule = {
  name: "pool-roles",
  *check(world) {
    const it = read(world);
    if (it === undefined || it.pool.driver === "local") return;
    if (it.pool.nodes.length === 0) {
      yield fault(["nodes"], `must name at least one node with driver: ${it.pool.driver}`);
      return;
    }
    const deciding = managers(it.pool);
    const names = deciding.map(({ name }) => name).join(", ");
    if (deciding.length === 0) {
      yield fault(["nodes"], "must have a manager: give 1, 3 or 5 nodes `roles: [manager]`");
    } else if (deciding.length % 2 === 0) {
      const message = `must have an odd number of managers: ${deciding.length} (${names}) survive no more losses than ${deciding.length - 1}`;
      yield fault(["nodes"], message);
    }
    const answering = edges(it.pool);
    if (answering.length === 0) {
      yield fault(
        ["nodes"],
        "must have an edge: give at least one node `roles: [..., edge]`, or no visitor is answered",
      );
    } else if (answering.every(({ availability }) => availability === "drain")) {
      const drained = answering.map(({ name }) => name).join(", ");
      yield fault(["nodes"], `must have an edge that is not drained, or no visitor is answered: ${drained}`);
    }
  },
};

/** Each node is one server with one name. */
export const poolUnique: Rule = {
  name: "pool-unique",
  *check(world) {
    const it = read(world);
    if (it === undefined) return;
    const names = new Map<string, number>();
    const addresses = new Map<string, { index: number; name: string }>();
    for (const { index, node } of entries(it.typed)) {
      const taken = names.get(node.name);
      if (taken !== undefined) yield fault(["nodes", index, "name"], `${node.name} is the name of another node`);
      names.set(node.name, index);
      if (node.address === undefined) continue;
      const other = addresses.get(node.address);
      if (other !== undefined && other.index !== index) {
        yield fault(
          ["nodes", index, "address"],
          `${node.address} is the address of ${other.name}: a node is one server`,
        );
      }
      addresses.set(node.address, other ?? { index, name: node.name });
    }
  },
};

/** The platform's own networks lead nowhere else: a node in their ranges could not be reached. */
export const poolRanges: Rule = {
  name: "pool-ranges",
  *check(world) {
    const it = read(world);
    if (it === undefined || world.platform === undefined) return;
    for (const { index, node } of entries(it.typed)) {
      for (const [key, range] of Object.entries(networkRanges(world.platform.networks))) {
        if (node.address === undefined || !isInside(node.address, range)) continue;
        yield fault(["nodes", index, "address"], `lies in networks.${key} (${range}): the node could not be reached`);
      }
    }
  },
};

export const poolRules: readonly Rule[] = [poolDriver, poolRoles, poolUnique, poolRanges];

function read({ platform, typedPlatform }: World): { typed: TypedPool; pool: Pool } | undefined {
  if (platform === undefined) return undefined;
  return { typed: (typedPlatform?.pool ?? {}) as TypedPool, pool: platform.pool };
}

/** Every node with the entry that it comes from. */
function entries(typed: TypedPool): { index: number; node: PoolNode }[] {
  const defaults = { ssh: undefined, machines: false, host: undefined };
  return (typed.nodes ?? []).flatMap((entry: TypedNode, index) =>
    resolveNode(entry, defaults).map((node) => ({ index, node })),
  );
}

function fault(path: Path, message: string): RuleFinding {
  return { site: undefined, severity: "error", path: ["pool", ...path], at: "value", message };
}
