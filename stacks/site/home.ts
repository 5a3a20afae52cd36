import type Dockerode from "dockerode";
import { takesTasks } from "../../modules/capacity/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { shortHash } from "../../modules/core/hash.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { DATABASE_PART } from "../../modules/database/index.ts";
import { get, isLocal, type RawMount, readNodes } from "../../modules/docker/index.ts";
import type { Live } from "../../modules/engine/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import type { VolumePlaces } from "../../modules/nodes/index.ts";
import { homeOf, isJoined, type Pool } from "../../modules/pool/index.ts";
import { volumeObject } from "../../modules/serve/index.ts";
import type { ServiceDraft } from "../../modules/site/service.ts";

export interface HomeRequest {
  docker: Dockerode;
  platform: string;
  pool: Pool;
  site: string;
  draft: ServiceDraft;
  /** Live objects of the site's stack. */
  live: Live[];
  /** Where the platform's volumes are; asked only where no service tells. */
  places(): Promise<VolumePlaces>;
  /** Is told what the operator should know of the choice. */
  warn(sentence: string): void;
}

/**
 * The node on whose disk a site's data is: where its services are bound to, else where they run now, else where a volume of it is from
 * before, else one that is chosen for it. `undefined` where it has none, or the pool is one machine.
 *
 * @throws TerraceError `TERRACE_SITE_HOME` where that node is not one of the pool's any more: elsewhere the site would find empty volumes
 */
export async function siteHome(request: HomeRequest): Promise<string | undefined> {
  const { docker, pool, site, draft, live } = request;
  if (!isJoined(pool) || draft.source.kind === "none") return undefined;
  const volumes = localVolumes(request);
  if (volumes.length === 0) return undefined;
  const services = live.filter(({ kind }) => kind === "service");
  const keepers = services.filter(hasVolume);
  const home =
    keepers.map(boundTo).find(Boolean) ?? (await runsOn(docker, keepers)) ?? (await newHome(request, volumes));
  if (pool.nodes.some(({ name }) => name === home)) return home;
  throw new TerraceError("TERRACE_SITE_HOME", `${site}: its data is on ${home}, which is not in the pool any more`, {
    where: `site-configs/${site}.yaml`,
    why: "on another node it would come up with empty volumes",
    next: `put ${home} back into platform.yaml; where its disk is lost, remove the site's services (docker service rm), run this again, and restore the backup`,
  });
}

/** The names of a site's volumes that are on a node's own disk. */
function localVolumes({ platform, site, draft }: HomeRequest): string[] {
  const own = draft.volumes.filter(({ nfs }) => nfs === undefined);
  const names = own.map((volume) => volumeObject(platform, site, volume).source);
  if (draft.database === undefined) return names;
  return [...names, objectName(platform, siteStack(site), DATABASE_PART.volume)];
}

/**
 * A node for a site without services. One that comes back, e.g. from being retired, finds its volumes where they are, also while that
 * node takes no tasks just now; where the file says that it takes none at all, the site is on its way to another one.
 */
async function newHome({ docker, pool, site, places, warn }: HomeRequest, volumes: string[]): Promise<string> {
  const { nodes, unseen } = await places();
  const active = pool.nodes.filter(({ availability }) => availability === "active").map(({ name }) => name);
  const having = [...new Set(volumes.flatMap((volume) => nodes.get(volume) ?? []))];
  const before = having.find((node) => active.includes(node));
  if (before !== undefined) return before;
  const live = (await readNodes(docker)).filter(takesTasks).map(({ name }) => name);
  const all = pool.nodes.map(({ name }) => name);
  const home = deal(site, [active.filter((name) => live.includes(name)), active, all]);
  if (having.length > 0)
    warn(`${site} comes up on ${home} with empty volumes: those from before are on ${having.join(", ")}`);
  else if (unseen.length > 0)
    warn(`${site} comes up on ${home}; ${unseen.join(", ")} could not be asked for volumes of it from before`);
  return home;
}

/** Sites are dealt out by their names, so that a plan that is made twice says the same, to the first of the lists that has a node. */
function deal(site: string, lists: string[][]): string {
  const list = lists.find(({ length }) => length > 0) ?? [];
  return list[Number.parseInt(shortHash(site).slice(0, 8), 16) % list.length] ?? "";
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
