import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { connect, noQuorum } from "../docker/index.ts";
import { managers as managersOf, type Pool, type PoolNode } from "../pool/index.ts";
import { type NodeEngine, openEngine, swarmOf } from "./engine.ts";
import { readSwarm } from "./swarm.ts";

/** ms after which the next manager is tried beside one that has not answered. */
const STAGGER = 2500;
/** Seconds until a manager that does not answer is given up. */
const PATIENCE = 8;
/** ms in which managers that are enough elect a leader: Swarm begins after 10 to 20 s without one. */
const ELECTION = 30_000;

/**
 * A Docker Engine that manages the pool's Swarm: this machine's, or where the pool has servers, the first of its managers that answers,
 * over SSH. `DOCKER_HOST`, where it is set, is taken instead.
 *
 * @param root the workspace's folder
 * @throws TerraceError `TERRACE_POOL_NO_MANAGER`, `TERRACE_POOL_NO_QUORUM`, and what `connect` throws
 */
export async function connectPool(pool: Pool, root: string): Promise<Dockerode> {
  if (pool.driver === "local" || (process.env.DOCKER_HOST ?? "") !== "") return connect();
  const { engine, leaderless, faults } = await firstManager(pool, root);
  if (engine !== undefined) return engine.docker;
  if (leaderless.length > 0) {
    const elected = leaderless.length * 2 > managersOf(pool).length ? await electedAmong(leaderless) : undefined;
    for (const { connection } of leaderless.filter((each) => each !== elected)) connection.close();
    if (elected !== undefined) return elected.docker;
    throw noQuorum(leaderless.map(({ node }) => node.name));
  }
  const inSwarm = faults.every(({ code }) => code !== "TERRACE_SWARM_NONE");
  throw new TerraceError("TERRACE_POOL_NO_MANAGER", "no manager of this pool's Swarm can be reached", {
    where: "platform.yaml, pool",
    why: faults.map(({ message, why }) => (why === undefined ? message : `${message}: ${why}`)).join("\n"),
    next: inSwarm
      ? `${faults[0]?.next ?? "terrace pool up"}; where all are lost for good, docs/recover.md says how to begin again from the site files`
      : "terrace pool up joins the servers",
  });
}

interface Found {
  engine: NodeEngine | undefined;
  /** Managers that answer, of a Swarm without a leader. */
  leaderless: NodeEngine[];
  faults: TerraceError[];
}

/** Tries the managers in the order of the file, each a moment after the one before, and takes the first that can decide. */
async function firstManager(pool: Pool, root: string): Promise<Found> {
  const found: Found = { engine: undefined, leaderless: [], faults: [] };
  const attempts: Promise<void>[] = [];
  for (const node of managersOf(pool)) {
    const attempt = tryManager(node, root, found);
    attempts.push(attempt);
    await Promise.race([attempt, sleep(STAGGER, undefined, { ref: false })]);
    if (found.engine !== undefined) return found;
  }
  await Promise.race([Promise.all(attempts), isFound(found)]);
  return found;
}

async function isFound(found: Found): Promise<void> {
  while (found.engine === undefined) await sleep(20, undefined, { ref: false });
}

async function tryManager(node: PoolNode, root: string, found: Found): Promise<void> {
  try {
    const engine = await openEngine(node, { root, patience: PATIENCE });
    const swarm = found.engine === undefined ? await readSwarm(engine.docker) : undefined;
    if (swarm !== undefined && found.engine === undefined) found.engine = engine;
    else if (found.engine !== undefined || !(await isLeaderless(engine, found))) engine.connection.close();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    found.faults.push(
      error instanceof TerraceError ? error : new TerraceError("TERRACE_NODE_FAILED", node.name, { why, cause: error }),
    );
  }
}

/** Tells a manager without a leader from a server that is no manager. */
async function isLeaderless(engine: NodeEngine, found: Found): Promise<boolean> {
  const { ControlAvailable } = await swarmOf(engine);
  if (ControlAvailable === true) {
    found.leaderless.push(engine);
    return true;
  }
  const { name } = engine.node;
  found.faults.push(
    new TerraceError("TERRACE_SWARM_NONE", `${name} is not a manager of a Swarm yet`, { next: "terrace pool up" }),
  );
  return false;
}

/** One of several managers, once they have a leader; `undefined` where they get none. */
async function electedAmong(engines: NodeEngine[]): Promise<NodeEngine | undefined> {
  for (const until = Date.now() + ELECTION; Date.now() < until; await sleep(500)) {
    for (const engine of engines) if ((await readSwarm(engine.docker)) !== undefined) return engine;
  }
  return undefined;
}
