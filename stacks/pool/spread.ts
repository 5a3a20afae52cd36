import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { allows, hasRoomApart, type PoolState, type ServiceState } from "../../modules/capacity/index.ts";
import { changeObject, get, type RawService, readPool } from "../../modules/docker/index.ts";
import { mapLimit } from "../limit.ts";

export interface Spreading {
  docker: Dockerode;
  signal: AbortSignal;
  report(line: string): void;
}

/** Services that are spread at the same time. */
const PARALLEL = 4;
/** ms that one container more may take to run. */
const LIMIT = 2 * 60_000;
const POLL = 250;

/**
 * Gives services whose containers stand on fewer nodes than they could another node to stand on, where one has room. No request fails:
 * there is one container more before there is one less.
 */
export async function spreadCrowded(chosen: (service: ServiceState) => boolean, run: Spreading): Promise<void> {
  const pool = await readPool(run.docker);
  const crowded = pool.services.filter((service) => {
    return chosen(service) && isCrowded(service, pool) && hasRoomApart(pool, service);
  });
  await mapLimit(PARALLEL, crowded, async (service) => {
    await spreadOut(service, pool, run);
  });
}

/** Fewer nodes than it could be on: after a lost node came back, or was drained, or after an update. */
export function isCrowded({ asks, tasks, data }: ServiceState, { nodes }: PoolState): boolean {
  if (asks.replicas === "global" || asks.replicas < 2 || data) return false;
  const open = nodes.filter(({ state, availability }) => state === "ready" && availability === "active");
  const possible = open.filter((node) => allows(asks.constraints, node)).length;
  return new Set(tasks.map(({ node }) => node)).size < Math.min(asks.replicas, possible);
}

/**
 * Has one container more for a moment, which Swarm puts where there is none yet, and then one less, which it takes from where there are
 * most. A restart would not do: Swarm may well put all new ones together.
 */
async function spreadOut(service: ServiceState, pool: PoolState, run: Spreading): Promise<void> {
  const { replicas } = service.asks;
  if (replicas === "global") return;
  let now = service;
  for (let round = 0; round < replicas && isCrowded(now, pool); round++) {
    const found = await scale(now, replicas + 1, run);
    await scale(now, replicas, run);
    if (!found) return run.report(`${now.site || now.name} found no room to spread`);
    now = (await readPool(run.docker)).services.find(({ id }) => id === service.id) ?? service;
  }
  run.report(`${service.site || service.name} spread`);
}

/** Sets the number of a service's containers, and waits until so many run; whether they do. */
async function scale({ id }: ServiceState, replicas: number, { docker, signal }: Spreading): Promise<boolean> {
  const change = ({ Spec }: RawService) => ({ ...Spec, Mode: { Replicated: { Replicas: replicas } } });
  await changeObject(docker, `/services/${id}`, change, signal);
  // What is to stop on a node that is lost never tells that it has.
  const filters = { service: [id], "desired-state": ["running"] };
  for (const until = Date.now() + LIMIT; Date.now() < until; await sleep(POLL, undefined, { signal })) {
    const tasks = await get<{ Status: { State: string } }[] | null>(docker, "/tasks", { filters });
    if ((tasks ?? []).filter(({ Status }) => Status.State === "running").length === replicas) return true;
  }
  return false;
}
