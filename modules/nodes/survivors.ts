import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, TerraceError } from "../core/errors.ts";
import type { Pool, PoolNode } from "../pool/index.ts";
import { type NodeEngine, openEngine } from "./engine.ts";
import { readSwarm, settled } from "./swarm.ts";

/** What one node of the file says of the Swarm. */
export interface Seen {
  node: PoolNode;
  /**
   * `leader`: a manager of a Swarm that can decide; `leaderless`: a manager of one that can't; `stopped`: the server answers, its Docker
   * does not; `none`: no manager; `lost`: no answer.
   */
  state: "leader" | "leaderless" | "stopped" | "none" | "lost";
  /** How many managers the Swarm of a leaderless one has, as far as it knows. */
  managers: number;
  engine: NodeEngine | undefined;
  fault: TerraceError | undefined;
}

/** ms in which a leader may be elected, or come back after a start. */
const PATIENCE = 30_000;

/** Asks all nodes over SSH. The engines of managers without a leader are left open. */
export async function surveyManagers({ nodes }: Pool, root: string, signal: AbortSignal): Promise<Seen[]> {
  const seen = await Promise.all(nodes.map((node) => look(node, root, signal)));
  // Where enough of them are there, they elect one, or are just started.
  for (const until = Date.now() + PATIENCE; seen.some(isLeft) && isEnough(seen) && Date.now() < until; ) {
    await sleep(500, undefined, { signal });
    for (const each of seen.filter(isLeft)) if (await hasLeader(each.engine)) each.state = "leader";
  }
  return seen;
}

async function look(node: PoolNode, root: string, signal: AbortSignal): Promise<Seen> {
  const seen: Seen = { node, state: "none", managers: 0, engine: undefined, fault: undefined };
  try {
    const engine = await openEngine(node, { root, signal });
    const { ControlAvailable, RemoteManagers } = await settled(engine);
    if (ControlAvailable !== true) {
      engine.connection.close();
      return seen;
    }
    const state = (await hasLeader(engine)) ? "leader" : "leaderless";
    return { ...seen, state, engine, managers: RemoteManagers?.length ?? 0 };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof TerraceError)) throw error;
    return { ...seen, state: error.code === "TERRACE_NODE_NO_DOCKER" ? "stopped" : "lost", fault: error };
  }
}

async function hasLeader({ docker }: NodeEngine): Promise<boolean> {
  return (await readSwarm(docker)) !== undefined;
}

/** Managers that are there and have no leader, or would be with their Docker started. */
function waiting(seen: Seen[]): Seen[] {
  return seen.filter(({ state, node }) => {
    return state === "leaderless" || (state === "stopped" && node.roles.includes("manager"));
  });
}

/** How many managers the Swarm has: those that are left know it, else it is what the file says. */
function countManagers(seen: Seen[]): number {
  const declared = seen.filter(({ node }) => node.roles.includes("manager")).length;
  return Math.max(0, ...seen.filter(isLeft).map(({ managers }) => managers)) || declared;
}

/** Whether managers without a leader are enough to have one. */
function isEnough(seen: Seen[]): boolean {
  return seen.every(({ state }) => state !== "leader") && waiting(seen).length * 2 > countManagers(seen);
}

/**
 * The manager from which the Swarm is to be founded anew. Pure.
 *
 * @param on the name of the one that the operator wants
 * @throws TerraceError `TERRACE_POOL_HAS_QUORUM` where that would make a second Swarm beside one that lives or can live again,
 * `TERRACE_POOL_NO_MANAGER` where none is left, `TERRACE_NO_SUCH_NODE`
 */
export function chooseSurvivor(seen: Seen[], on: string | undefined): Seen & { engine: NodeEngine } {
  const names = (list: Seen[]) => list.map(({ node }) => node.name).join(", ");
  const deciding = seen.filter(({ state }) => state === "leader");
  if (deciding.length > 0) {
    throw new TerraceError("TERRACE_POOL_HAS_QUORUM", "the Swarm has a leader: there is nothing to recover", {
      where: `asked on ${names(deciding)}`,
      next: "terrace pool up brings single servers back; one that is lost for good leaves platform.yaml",
    });
  }
  const left = seen.filter(isLeft);
  if (left.length === 0) throw noneLeft(seen);
  if (isEnough(seen)) {
    const there = waiting(seen);
    throw new TerraceError(
      "TERRACE_POOL_HAS_QUORUM",
      `${there.length} of the Swarm's ${countManagers(seen)} managers are there, which is enough to decide`,
      {
        where: `asked on ${names(there)}`,
        why: "they do not reach each other, or their Docker does not run: founding it anew would make two Swarms of one",
        next: "`docker info` on each says why; TCP 2377 must be open between them",
      },
    );
  }
  const chosen = on === undefined ? left[0] : left.find(({ node }) => node.name === on);
  if (chosen !== undefined) return chosen;
  throw new TerraceError("TERRACE_NO_SUCH_NODE", `${on} is no manager that is left`, {
    next: `those that are: ${names(left)}`,
    exitCode: EXIT.usage,
  });
}

function isLeft(seen: Seen): seen is Seen & { engine: NodeEngine } {
  return seen.state === "leaderless" && seen.engine !== undefined;
}

function noneLeft(seen: Seen[]): TerraceError {
  const said = seen.flatMap(({ fault }) =>
    fault === undefined ? [] : `${fault.message}${fault.why ? `: ${fault.why}` : ""}`,
  );
  return new TerraceError("TERRACE_POOL_NO_MANAGER", "no manager of this pool's Swarm can be reached", {
    where: "platform.yaml, pool",
    why: said.join("\n") || "none of the nodes is one",
    next: "bring one back; where all are lost for good, docs/recover.md says how to begin again from the site files",
  });
}
