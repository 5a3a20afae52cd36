import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import {
  allows,
  missingWithout,
  type NodeState,
  type PoolState,
  type ServiceState,
} from "../../modules/capacity/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { changeObject, get, type RawService, readPool } from "../../modules/docker/index.ts";
import type { RawNode } from "../../modules/nodes/index.ts";
import { mapLimit } from "../limit.ts";
import { spreadCrowded } from "./spread.ts";

export interface Maintenance {
  docker: Dockerode;
  signal: AbortSignal;
  report(line: string): void;
}

/** Services that are moved at the same time. */
const PARALLEL = 4;
/** ms that a service may take to move, and that a drained node may take to be empty. */
const LIMIT = 5 * 60_000;
/** ms in which what runs on every node comes up on one that is active again. */
const FURNISHING = 60_000;
const POLL = 250;

/**
 * Empties a node without a failed request: first it gets no new tasks, then each service with a task on it starts new ones elsewhere
 * before the old ones stop, and only then is it drained. What is bound to the node stops with it.
 *
 * @param withData go on although sites with data on its disk will be down until it is active again
 * @throws TerraceError `TERRACE_NO_SUCH_NODE`, `TERRACE_NODE_HAS_DATA`, `TERRACE_POOL_FULL`, `TERRACE_NODE_BUSY`
 */
export async function drain(name: string, withData: boolean, run: Maintenance): Promise<void> {
  const pool = await readPool(run.docker);
  const node = nodeNamed(pool, name);
  if (node.availability === "drain" && tasksOn(pool, node).length === 0)
    return run.report(`${name} is drained already`);
  const { movable, bound } = sorted(pool, node);
  requireData(node, bound, withData);
  for (const { name, site } of bound) if (site === "") run.report(`${name} stays on ${node.name}, and stops with it`);
  requireRoom(pool, node);
  if (node.availability === "active") await setAvailability(node, "pause", run);
  run.report(`${name} gets no new containers`);
  await mapLimit(PARALLEL, movable, async (service) => {
    await restart(service, run);
    run.report(`${service.site || service.name} moved`);
  });
  await setAvailability(node, "drain", run);
  await isEmpty(node, run);
  // New ones that start before the old ones stop may all come to stand on one node.
  const moved = new Set(movable.map(({ id }) => id));
  await spreadCrowded(({ id }) => moved.has(id), run);
  run.report(`${name} is drained`);
}

/** Gives a node tasks again, and services whose containers are all on one node another one to stand on. */
export async function activate(name: string, spread: boolean, run: Maintenance): Promise<void> {
  const node = nodeNamed(await readPool(run.docker), name);
  if (node.availability !== "active") await setAvailability(node, "active", run);
  await isFurnished(node, run);
  run.report(`${name} takes containers`);
  if (spread) await spreadCrowded(isOurs, run);
}

export function nodeNamed({ nodes }: PoolState, name: string): NodeState {
  const found = nodes.find((node) => node.name === name) ?? nodes.find(({ hostname }) => hostname === name);
  if (found !== undefined) return found;
  throw new TerraceError("TERRACE_NO_SUCH_NODE", `there is no node ${name} in the Swarm`, {
    next: `the nodes are ${nodes.map((node) => node.name).join(", ")}`,
    exitCode: 2,
  });
}

/** Services of others are Swarm's to move, by its own ways. */
function isOurs({ platform }: ServiceState): boolean {
  return platform !== "";
}

function tasksOn({ services }: PoolState, node: NodeState): ServiceState[] {
  return services.filter(({ tasks }) => tasks.some((task) => task.node === node.id));
}

/** Services with tasks on a node: those that can go elsewhere, and those that can't. Services of every node are neither. */
function sorted(pool: PoolState, node: NodeState): { movable: ServiceState[]; bound: ServiceState[] } {
  const there = tasksOn(pool, node).filter((service) => isOurs(service) && service.asks.replicas !== "global");
  const others = pool.nodes.filter(
    ({ id, state, availability }) => id !== node.id && state === "ready" && availability === "active",
  );
  const isBound = ({ asks, data }: ServiceState) => data || !others.some((other) => allows(asks.constraints, other));
  return { movable: there.filter((service) => !isBound(service)), bound: there.filter(isBound) };
}

/** The platform's own, like the registry, may be away for a while: no site needs it to go on. */
function requireData(node: NodeState, bound: ServiceState[], withData: boolean): void {
  const sites = new Set(bound.flatMap(({ site }) => (site === "" ? [] : site)));
  if (sites.size === 0 || withData) return;
  const names = [...sites].sort().join(", ");
  throw new TerraceError(
    "TERRACE_NODE_HAS_DATA",
    `${node.name}: ${names} cannot move, because of data on its disk or a constraint`,
    {
      where: `node ${node.name}`,
      why: "while the node is drained they are down",
      next: `to do it all the same: terrace pool drain ${node.name} --with-data`,
    },
  );
}

function requireRoom(pool: PoolState, node: NodeState): void {
  const missing = missingWithout(pool, node.id);
  if (missing === undefined) return;
  throw new TerraceError("TERRACE_POOL_FULL", `${node.name} cannot be drained: ${missing}`, {
    where: `node ${node.name}`,
    next: "give the pool more memory or another node, or let sites reserve less; `terrace pool` shows who reserves what",
  });
}

async function setAvailability(
  node: NodeState,
  availability: NodeState["availability"],
  { docker, signal }: Maintenance,
): Promise<void> {
  const change = ({ Spec }: RawNode) => ({ ...Spec, Availability: availability });
  await changeObject(docker, `/nodes/${node.id}`, change, signal);
}

/** Replaces all tasks of a service in the order that it has for updates, and waits for the end of that. */
async function restart({ id, name, site }: ServiceState, { docker, signal }: Maintenance): Promise<void> {
  const change = ({ Spec }: RawService) => {
    const count = (Spec.TaskTemplate?.ForceUpdate ?? 0) + 1;
    return { ...Spec, TaskTemplate: { ...Spec.TaskTemplate, ForceUpdate: count } };
  };
  const before = await changeObject(docker, `/services/${id}`, change, signal);
  const started = before.UpdateStatus?.StartedAt;
  for (const until = Date.now() + LIMIT; ; await sleep(POLL, undefined, { signal })) {
    const { UpdateStatus } = await get<RawService>(docker, `/services/${id}`);
    const own = UpdateStatus?.StartedAt !== started;
    if (own && UpdateStatus?.State === "completed") return;
    const failed = own && /^(paused|rollback_(paused|completed))$/.test(UpdateStatus?.State ?? "");
    if (!failed && Date.now() < until) continue;
    throw new TerraceError("TERRACE_NODE_BUSY", `${site || name} could not be moved`, {
      where: name,
      why: UpdateStatus?.Message ?? "it took longer than five minutes",
      next: "nothing was stopped; see `terrace status` and `terrace logs`, then run this again",
    });
  }
}

/**
 * Waits until what runs on every node runs on this one: without the relay to the registry it could get no image. A minute at most; what
 * does not come up then is told by the status of whoever needs it.
 */
async function isFurnished(node: NodeState, { docker, signal }: Maintenance): Promise<void> {
  for (const until = Date.now() + FURNISHING; Date.now() < until; await sleep(POLL, undefined, { signal })) {
    const pool = await readPool(docker);
    const now = pool.nodes.find(({ id }) => id === node.id) ?? node;
    const missing = pool.services.some(({ asks, tasks, platform }) => {
      const wanted = platform !== "" && asks.replicas === "global" && allows(asks.constraints, now);
      return wanted && !tasks.some((task) => task.node === node.id && task.running);
    });
    if (!missing || now.state !== "ready") return;
  }
}

/** Waits until nothing runs on a drained node any more. */
async function isEmpty(node: NodeState, { docker, signal }: Maintenance): Promise<void> {
  const filters = { node: [node.id] };
  for (const until = Date.now() + LIMIT; ; await sleep(POLL, undefined, { signal })) {
    const tasks = await get<{ Status: { State: string } }[] | null>(docker, "/tasks", { filters });
    const left = (tasks ?? []).filter(({ Status }) => /^(starting|running|preparing|ready)$/.test(Status.State)).length;
    if (left === 0 || node.state === "down") return;
    if (Date.now() < until) continue;
    throw new TerraceError("TERRACE_NODE_BUSY", `${node.name}: ${left} containers did not stop`, {
      where: `node ${node.name}`,
      next: "docker node ps tells which; run this again",
    });
  }
}
