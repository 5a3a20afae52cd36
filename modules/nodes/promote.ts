import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import type { Connection } from "../ssh/index.ts";
import { notPromoted, notReached, portClosed } from "./refusals.ts";
import { listNodes, type RawNode, updateNode } from "./swarm.ts";

/** How long the others may take to reach a new manager, in ms. */
const LIMIT = 60_000;

export interface Promotion {
  /** The node, as its pool calls it. */
  name: string;
  /** A manager's engine, and the way to its server. */
  docker: Dockerode;
  connection: Connection | undefined;
  /** A manager of the pool that did not come up: until it has, no other one is made. */
  missing: string | undefined;
  report(line: string): void;
}

/**
 * Makes a node a manager and waits until the others reach it as one; also one that an earlier run made. While a node tries in vain its
 * engine runs no containers for the Swarm, so its port is asked first.
 *
 * @returns whether this run made it one
 * @throws TerraceError `TERRACE_NODE_JOIN`, with {@link LEFT_OUT} where the others do not count on it
 */
export async function promote(live: RawNode, promotion: Promotion): Promise<boolean> {
  const { name, docker, missing, report } = promotion;
  const make = live.Spec.Role === "worker";
  if (make) {
    if (missing !== undefined) throw notPromoted(name, missing);
    await requireOpen(live, promotion);
    report("becomes a manager");
    await updateNode(docker, live.ID, (spec) => ({ ...spec, Role: "manager" }));
  }
  if (live.ManagerStatus?.Reachability !== "reachable") await reached(live.ID, promotion);
  return make;
}

/** Nobody listens there yet, which is told at once; a firewall lets the question run out. */
async function requireOpen({ Status }: RawNode, { name, connection }: Promotion): Promise<void> {
  if (connection === undefined || Status.Addr === undefined) return;
  const dial = `exec 3<>/dev/tcp/${Status.Addr}/2377`;
  const { code } = await connection.run(`timeout 5 bash -c '${dial}' 2>/dev/null`);
  // As `timeout` itself says that it ran out.
  if (code === 124) throw portClosed(name, Status.Addr);
}

async function reached(id: string, { name, docker }: Promotion): Promise<void> {
  let node: RawNode | undefined;
  for (const until = Date.now() + LIMIT; Date.now() < until; await sleep(300)) {
    node = (await listNodes(docker)).find(({ ID }) => ID === id);
    if (node?.ManagerStatus?.Reachability === "reachable") return;
  }
  throw notReached(name, node?.ManagerStatus !== undefined);
}
