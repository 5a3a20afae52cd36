import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { call, get, isBroken, isLocal, isOver, type RawMount, type RawService, type RawTask } from "../docker/index.ts";
import { homeOf } from "../pool/index.ts";
import { listNodes, type RawNode, updateNode } from "./swarm.ts";

/** How long the tasks of a drained node may take to move, in ms. */
const LIMIT = 5 * 60_000;
/** How long tasks that are told to stop, and move nowhere, may take to say that they did, in ms: above any grace period. */
const STOPPING = 90_000;

interface Leaving {
  docker: Dockerode;
  signal: AbortSignal;
  report(line: string): void;
}

/**
 * Drains a node and waits until its tasks run elsewhere.
 *
 * @throws TerraceError `TERRACE_NODE_HAS_DATA` where a site has its local volume there, `TERRACE_NODE_BUSY` where a task can't move
 */
export async function drainNode(id: string, { docker, signal, report }: Leaving): Promise<void> {
  const node = await get<RawNode>(docker, `/nodes/${id}`);
  const name = nameOf(node);
  await requireNoData(docker, node);
  signal.throwIfAborted();
  if (node.Spec.Availability !== "drain") {
    report("is drained");
    await updateNode(docker, id, (spec) => ({ ...spec, Availability: "drain" }));
  }
  const since = Date.now();
  const until = since + LIMIT;
  for (;;) {
    signal.throwIfAborted();
    const busy = await busyServices(docker, node, Date.now() - since > STOPPING);
    if (busy.length === 0) return;
    if (Date.now() > until) {
      throw new TerraceError("TERRACE_NODE_BUSY", `${name}: not all of its tasks found another node`, {
        where: busy.join(", "),
        why: "no other node has room for them, or they are bound to this one",
        next: "`terrace pool` shows the room on each node; then run this again",
      });
    }
    await sleep(300);
  }
}

/**
 * Takes a node that has no tasks any more out of the Swarm; a manager is made a worker first. One that decides for the Swarm no more,
 * because it was founded anew without it, can't be.
 */
export async function removeNode(id: string, { docker, report }: Leaving): Promise<void> {
  const node = await get<RawNode>(docker, `/nodes/${id}`);
  if (node.Spec.Role === "manager" && node.ManagerStatus !== undefined) {
    await updateNode(docker, id, (spec) => ({ ...spec, Role: "worker" }));
    await demoted(docker, id);
  }
  report("leaves the Swarm");
  for (let attempt = 1; ; attempt++) {
    try {
      await call(docker, "DELETE", `/nodes/${id}`, { force: true });
      return;
    } catch (error) {
      // An answer that was lost, e.g. with the leader, may have been a yes.
      if (attempt > 1 && (error as { statusCode?: number }).statusCode === 404) return;
      if (!isBroken(error) || attempt === 10) throw error;
      await sleep(300 * attempt);
    }
  }
}

/** Waits until the other managers have let go of one that is a worker now; 20 s at most. */
export async function demoted(docker: Dockerode, id: string): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(200)) {
    const node = (await listNodes(docker)).find(({ ID }) => ID === id);
    if (node?.ManagerStatus === undefined) return;
  }
}

/** The name that the pool gave a node, else its host name. */
export function nameOf({ Spec, Description, ID }: RawNode): string {
  return Spec.Labels?.[LABEL.node] ?? Description?.Hostname ?? ID;
}

/**
 * Services with tasks on the node that are not done. One that is down can't say so: what Swarm wants of it counts.
 *
 * @param patient what Swarm wants counts for one that is up, too: an engine may never tell of a container's end
 */
async function busyServices(docker: Dockerode, node: RawNode, patient: boolean): Promise<string[]> {
  const [tasks, services] = await Promise.all([
    get<RawTask[]>(docker, "/tasks", { filters: { node: [node.ID] } }),
    get<RawService[]>(docker, "/services", { status: true }),
  ]);
  const down = patient || node.Status.State === "down";
  const there = tasks.filter(({ Status, DesiredState }) => (down ? DesiredState === "running" : !isOver(Status.State)));
  const left = new Set(there.map(({ ServiceID }) => ServiceID));
  const moved = new Set(tasks.map(({ ServiceID }) => ServiceID));
  const missing = (service: RawService) => {
    const status = service.ServiceStatus;
    const replicated = service.Spec.Mode?.Replicated !== undefined;
    return replicated && moved.has(service.ID) && status !== undefined && status.RunningTasks < status.DesiredTasks;
  };
  return services.filter((each) => left.has(each.ID) || missing(each)).map(({ Spec }) => Spec.Name);
}

/**
 * A task with a volume of this node's disk would find an empty one elsewhere. What the platform itself keeps there (the edge, the
 * registry) it can make anew.
 */
async function requireNoData(docker: Dockerode, node: RawNode): Promise<void> {
  const [tasks, services] = await Promise.all([
    get<RawTask[]>(docker, "/tasks", { filters: { node: [node.ID], "desired-state": ["running"] } }),
    get<RawService[]>(docker, "/services"),
  ]);
  const there = new Set(tasks.map(({ ServiceID }) => ServiceID));
  const running = services.filter(({ ID, Spec }) => there.has(ID) && localVolumes(Spec).length > 0).flatMap(siteOf);
  const sites = [...new Set([...running, ...boundSites(services, node)])].sort();
  if (sites.length === 0) return;
  const name = nameOf(node);
  const lost = node.Status.State === "down";
  throw new TerraceError("TERRACE_NODE_HAS_DATA", `${name}: the data of ${sites.join(", ")} is on its disk`, {
    where: `node ${name}`,
    why: "on another node the site would come up with an empty volume",
    next: lost
      ? `bring ${name} back; where its disk is lost, docs/recover.md says how the site comes up elsewhere from its backup`
      : "keep the node; or take a backup of the site, let it come up on another node, and restore it there: docs/recover.md",
  });
}

/** Sites that are bound to a node because their data is on its disk. */
export function boundSites(services: RawService[], node: RawNode): string[] {
  return [...new Set(boundVolumes(services, nameOf(node)).map(({ site }) => site))].sort();
}

/** The volumes of sites that are bound to the node of a name. */
export function boundVolumes(services: RawService[], node: string): { site: string; volume: string }[] {
  return services.flatMap((service) => {
    const { Placement } = (service.Spec.TaskTemplate ?? {}) as { Placement?: { Constraints?: string[] | null } };
    if (homeOf(Placement?.Constraints) !== node) return [];
    return siteOf(service).flatMap((site) => localVolumes(service.Spec).map((volume) => ({ site, volume })));
  });
}

function siteOf({ Spec }: RawService): string[] {
  const site = Spec.Labels?.[LABEL.site];
  return site === undefined ? [] : [site];
}

/** Names of the volumes that are on the disk of whatever node it runs on. */
function localVolumes({ TaskTemplate }: RawService["Spec"]): string[] {
  const { Mounts } = (TaskTemplate?.ContainerSpec ?? {}) as { Mounts?: (RawMount & { Source?: string })[] | null };
  return (Mounts ?? []).filter(isLocal).map(({ Source }) => Source ?? "");
}
