import type Dockerode from "dockerode";
import { takesTasks } from "../../modules/capacity/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { shortHash } from "../../modules/core/hash.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { get, isLocal, type RawMount, readNodes } from "../../modules/docker/index.ts";
import type { Live } from "../../modules/engine/index.ts";
import { homeOf, isJoined, type Pool } from "../../modules/pool/index.ts";
import type { ServiceDraft } from "../../modules/site/service.ts";

export interface HomeRequest {
  docker: Dockerode;
  pool: Pool;
  site: string;
  draft: ServiceDraft;
  /** Live objects of the site's stack. */
  live: Live[];
}

/**
 * The node on whose disk a site's data is: where its services are bound to, else where they run now, else one that is chosen for it.
 * `undefined` where it has none, or the pool is one machine.
 *
 * @throws TerraceError `TERRACE_SITE_HOME` where that node is not one of the pool's any more: elsewhere the site would find empty volumes
 */
export async function siteHome({ docker, pool, site, draft, live }: HomeRequest): Promise<string | undefined> {
  const keeps = draft.volumes.some(({ nfs }) => nfs === undefined) || draft.database !== undefined;
  if (!isJoined(pool) || draft.source.kind === "none" || !keeps) return undefined;
  const services = live.filter(({ kind }) => kind === "service");
  const keepers = services.filter(hasVolume);
  const home =
    keepers.map(boundTo).find(Boolean) ?? (await runsOn(docker, keepers)) ?? (await choose(docker, pool, site));
  if (pool.nodes.some(({ name }) => name === home)) return home;
  throw new TerraceError("TERRACE_SITE_HOME", `${site}: its data is on ${home}, which is not in the pool any more`, {
    where: `site-configs/${site}.yaml`,
    why: "on another node it would come up with empty volumes",
    next: `put ${home} back into platform.yaml; where its disk is lost, remove the site's services (docker service rm), run this again, and restore the backup`,
  });
}

interface Template {
  Placement?: { Constraints?: string[] };
  ContainerSpec?: { Mounts?: RawMount[] };
}

function template({ spec }: Live): Template {
  return (spec.TaskTemplate ?? {}) as Template;
}

function hasVolume(service: Live): boolean {
  return template(service).ContainerSpec?.Mounts?.some(isLocal) ?? false;
}

function boundTo(service: Live): string | undefined {
  return homeOf(template(service).Placement?.Constraints);
}

/** Where a service that was deployed before it was bound to a node has its task, and so its volume. */
async function runsOn(docker: Dockerode, services: Live[]): Promise<string | undefined> {
  for (const { id } of services) {
    const filters = { service: [id], "desired-state": ["running"] };
    const [task] = await get<{ NodeID?: string }[]>(docker, "/tasks", { filters });
    if (task?.NodeID === undefined) continue;
    const node = await get<{ Spec: { Labels?: Record<string, string> } }>(docker, `/nodes/${task.NodeID}`);
    const name = node.Spec.Labels?.[LABEL.node];
    if (name !== undefined) return name;
  }
  return undefined;
}

/**
 * Sites are dealt out by their names, so that a plan that is made twice says the same, and to nodes that take tasks just now: one
 * that is down or emptied for maintenance would have a new site wait for it.
 */
async function choose(docker: Dockerode, { nodes }: Pool, site: string): Promise<string> {
  const live = (await readNodes(docker)).filter(takesTasks).map(({ name }) => name);
  const active = nodes.filter(({ availability }) => availability === "active");
  const open = active.filter(({ name }) => live.includes(name));
  const list = [open, active, nodes].find(({ length }) => length > 0) ?? [];
  return list[Number.parseInt(shortHash(site).slice(0, 8), 16) % list.length]?.name ?? "";
}
