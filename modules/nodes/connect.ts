import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { connect } from "../docker/index.ts";
import { managers as managersOf, type Pool, type PoolNode } from "../pool/index.ts";
import { type NodeEngine, openEngine } from "./engine.ts";
import { readSwarm } from "./swarm.ts";

/** ms after which the next manager is tried beside one that has not answered. */
const STAGGER = 2500;
/** Seconds until a manager that does not answer is given up. */
const PATIENCE = 8;

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
  if (leaderless.length > 0) throw noQuorum(leaderless);
  const inSwarm = faults.every(({ code }) => code !== "TERRACE_SWARM_NONE");
  throw new TerraceError("TERRACE_POOL_NO_MANAGER", "no manager of this pool's Swarm can be reached", {
    where: "platform.yaml, pool",
    why: faults.map(({ message, why }) => (why === undefined ? message : `${message}: ${why}`)).join("\n"),
    next: inSwarm ? (faults[0]?.next ?? "terrace pool up") : "terrace pool up joins the servers",
  });
}

/** A Swarm that can decide nothing any more. */
export function noQuorum(nodes: string[]): TerraceError {
  return new TerraceError("TERRACE_POOL_NO_QUORUM", "the Swarm has lost more than half of its managers", {
    where: `asked on ${nodes.join(", ")}`,
    why: "sites go on answering where their servers are up; nothing can be changed",
    next: "bring the other managers back; where they are lost for good, follow docs/recover.md",
  });
}

interface Found {
  engine: NodeEngine | undefined;
  /** Names of managers that answer, of a Swarm without a leader. */
  leaderless: string[];
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
    else {
      if (found.engine === undefined) await tellWhy(engine, found);
      engine.connection.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    found.faults.push(
      error instanceof TerraceError ? error : new TerraceError("TERRACE_NODE_FAILED", node.name, { why, cause: error }),
    );
  }
}

async function tellWhy({ docker, node }: NodeEngine, found: Found): Promise<void> {
  const { Swarm }: { Swarm?: { LocalNodeState?: string; ControlAvailable?: boolean } } = await docker.info();
  if (Swarm?.ControlAvailable === true) found.leaderless.push(node.name);
  else {
    found.faults.push(
      new TerraceError("TERRACE_SWARM_NONE", `${node.name} is not a manager of a Swarm yet`, {
        next: "terrace pool up",
      }),
    );
  }
}
