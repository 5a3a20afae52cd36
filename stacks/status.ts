import type Dockerode from "dockerode";
import { LABEL } from "../modules/core/labels.ts";
import { DATABASE_PART } from "../modules/database/index.ts";
import type { RawTask } from "../modules/docker/index.ts";
import { get, type RawService } from "../modules/docker/index.ts";
import { changedByHand } from "../modules/engine/index.ts";
import { objectName, siteStack } from "../modules/names/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import { homeOf } from "../modules/pool/index.ts";
import { type EdgeAddress, edgeRevision, visit } from "../modules/probe/index.ts";
import { type Site, type SiteState, siteState } from "../modules/site/index.ts";
import { siteUrl } from "./apply.ts";
import { stoppedSays } from "./backup/stopped.ts";
import { mapLimit } from "./limit.ts";

/** One site as it is now, seen from the cluster and from outside. */
export interface SiteStatus {
  site: string;
  title: string;
  state: SiteState;
  url: string;
  /** HTTP status through the edge over TLS; 0 where there was no answer. */
  http: number;
  /** ms to the first byte, through the edge over TLS. */
  time: number;
  /** ISO 8601; absent where no certificate was shown. */
  certificateUntil: string | undefined;
  /** Why it does not answer, or cannot be trusted. */
  error: string | undefined;
  /** `undefined` where no manager can tell. */
  tasks: { running: number; wanted: number } | undefined;
  /** Whether its database runs; absent where it has none, or no manager can tell. */
  database: boolean | undefined;
  /** The tag of the image that runs: the hash of the content. */
  revision: string | undefined;
  nodes: string[];
  /** The node to which its data binds it: it runs nowhere else. */
  home: string | undefined;
  /** Its services that were changed past Terrace, e.g. `web`; `terrace status --drift` says in what. */
  changedByHand: string[];
  /** Whether it does what its file says. */
  ok: boolean;
}

export interface PlatformStatus {
  platform: string;
  /** Without a revision where it does not answer. */
  edges: { address: string; revision: string | undefined }[];
  sites: SiteStatus[];
}

export interface VisitRequest {
  platform: Platform;
  sites: Site[];
  date: string;
  edges: EdgeAddress[];
  /** PEM; `undefined` where it can't be read: then certificates are not checked. */
  root: string | undefined;
}

export interface StatusRequest extends VisitRequest {
  docker: Dockerode;
}

interface RawNode {
  ID: string;
  Spec: { Labels?: Record<string, string> };
  Description?: { Hostname?: string };
}

/** One service of a site, and the names of the nodes on which its tasks run, one for each task. */
interface Part {
  service: RawService | undefined;
  nodes: string[];
}

/** What the cluster says of one site. */
interface Seen {
  web: Part;
  storage: Part;
  home: string | undefined;
  changedByHand: string[];
}

/** Reads the cluster with four calls and visits every site. Writes nothing. */
export async function readStatus(request: StatusRequest): Promise<PlatformStatus> {
  return visitAll(request, await readServices(request));
}

/** Visits every site, and reads nothing from the cluster: it has no manager that could tell. */
export function visitSites(request: VisitRequest): Promise<PlatformStatus> {
  return visitAll(request, undefined);
}

async function readServices({ docker, platform }: StatusRequest): Promise<(site: string) => Seen> {
  const filters = { label: [`${LABEL.platform}=${platform.name}`] };
  const [services, nodes, networks] = await Promise.all([
    get<RawService[]>(docker, "/services", { filters, status: true }),
    get<RawNode[]>(docker, "/nodes"),
    get<{ Id: string; Name: string }[]>(docker, "/networks"),
  ]);
  const filtersOfTasks = { "desired-state": ["running"], service: services.map(({ ID }) => ID) };
  const tasks = await get<RawTask[]>(docker, "/tasks", { filters: filtersOfTasks });
  const names = new Map(
    nodes.map(({ ID, Spec, Description }) => [ID, Spec.Labels?.[LABEL.node] ?? Description?.Hostname ?? ID]),
  );
  const byName = new Map(services.map((service) => [service.Spec.Name, service]));
  const homes = new Map(services.flatMap(homeEntry));
  const changed = changedByHand(services, networks);
  const part = (site: string, name: string): Part => {
    const service = byName.get(objectName(platform.name, siteStack(site), name));
    const running = tasks.filter(({ ServiceID, Status }) => ServiceID === service?.ID && Status.State === "running");
    return { service, nodes: running.map(({ NodeID }) => names.get(NodeID ?? "") ?? "") };
  };
  return (site) => ({
    web: part(site, "web"),
    storage: part(site, DATABASE_PART.service),
    home: homes.get(site),
    changedByHand: ["web", DATABASE_PART.service].filter((name) =>
      changed.has(objectName(platform.name, siteStack(site), name)),
    ),
  });
}

/** The site of a service that is bound to a node, and the node. */
function homeEntry({ Spec }: RawService): [site: string, home: string][] {
  const { Placement } = (Spec.TaskTemplate ?? {}) as { Placement?: { Constraints?: string[] | null } };
  const [site, home] = [Spec.Labels?.[LABEL.site], homeOf(Placement?.Constraints)];
  return site === undefined || home === undefined ? [] : [[site, home]];
}

async function visitAll(request: VisitRequest, seen: ((site: string) => Seen) | undefined): Promise<PlatformStatus> {
  const { platform, sites, edges } = request;
  const revisions = await Promise.all(edges.map((edge) => edgeRevision(edge)));
  const edge = edges.find((_, index) => revisions[index] !== undefined) ?? edges[0];
  if (edge === undefined) throw new Error("no edge to visit sites through");
  return {
    platform: platform.name,
    edges: edges.map(({ host, https }, index) => ({ address: `${host}:${https}`, revision: revisions[index] })),
    sites: await mapLimit(16, sites, (site) => siteStatus(request, edge, site, seen?.(site.name))),
  };
}

async function siteStatus(
  request: VisitRequest,
  edge: EdgeAddress,
  site: Site,
  seen: Seen | undefined,
): Promise<SiteStatus> {
  const { platform, date, root } = request;
  const host = site.domains.canonical.ascii;
  const answer = await visit(edge, host, root ?? "unchecked");
  const state = siteState(site, date);
  const sound = answer.error === undefined && answer.status > 0 && answer.status < 500;
  const answers = sound && (state !== "redirect" || answer.location !== undefined);
  const image = seen?.web.service?.Spec.TaskTemplate?.ContainerSpec?.Image;
  const tasks = seen && countTasks(seen.web, site, state);
  const stored = site.serve.kind === "image" && site.serve.database !== undefined && state === "live";
  const database = stored && seen ? seen.storage.nodes.length > 0 : undefined;
  return {
    site: site.name,
    title: site.title,
    state,
    url: siteUrl({ platform }, host),
    http: answer.status,
    time: answer.time,
    certificateUntil: answer.certificateUntil,
    error:
      stoppedSays(seen?.web.service, site.name) ??
      answer.error ??
      (database === false ? `its database does not run: terrace logs ${site.name} --database` : undefined),
    tasks,
    database,
    revision: image?.split("@")[0]?.split(":").at(-1),
    nodes: [...new Set(seen?.web.nodes)],
    home: seen?.home,
    changedByHand: seen?.changedByHand ?? [],
    ok: answers && (tasks === undefined || tasks.running >= tasks.wanted) && database !== false,
  };
}

function countTasks({ service, nodes }: Part, site: Site, state: SiteState): { running: number; wanted: number } {
  const served = state === "live" && site.serve.kind !== "proxy";
  const wanted = service?.Spec.Mode?.Replicated?.Replicas ?? (served ? site.scale.replicas : 0);
  return { running: nodes.length, wanted };
}
