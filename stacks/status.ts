import type Dockerode from "dockerode";
import { LABEL } from "../modules/core/labels.ts";
import { DATABASE_PART } from "../modules/database/index.ts";
import type { RawTask } from "../modules/docker/index.ts";
import { get, type RawService } from "../modules/docker/index.ts";
import { objectName, siteStack } from "../modules/names/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import { type EdgeAddress, edgeRevision, visit } from "../modules/probe/index.ts";
import { type Site, type SiteState, siteState } from "../modules/site/index.ts";
import { siteUrl } from "./apply.ts";
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
  tasks: { running: number; wanted: number };
  /** Whether its database runs; absent where it has none. */
  database: boolean | undefined;
  /** The tag of the image that runs: the hash of the content. */
  revision: string | undefined;
  nodes: string[];
  /** Whether it does what its file says. */
  ok: boolean;
}

export interface PlatformStatus {
  platform: string;
  /** Without a revision where it does not answer. */
  edges: { address: string; revision: string | undefined }[];
  sites: SiteStatus[];
}

export interface StatusRequest {
  docker: Dockerode;
  platform: Platform;
  sites: Site[];
  date: string;
  edges: EdgeAddress[];
  /** PEM. */
  root: string;
}

/** Reads the cluster with three calls and visits every site. Writes nothing. */
export async function readStatus(request: StatusRequest): Promise<PlatformStatus> {
  const { docker, platform, sites, edges } = request;
  const filters = { label: [`${LABEL.platform}=${platform.name}`] };
  const [services, nodes, revisions] = await Promise.all([
    get<RawService[]>(docker, "/services", { filters, status: true }),
    get<{ ID: string; Description?: { Hostname?: string } }[]>(docker, "/nodes"),
    Promise.all(edges.map((edge) => edgeRevision(edge))),
  ]);
  const edge = edges.find((_, index) => revisions[index] !== undefined) ?? edges[0];
  if (edge === undefined) throw new Error("no edge to visit sites through");
  const filtersOfTasks = { "desired-state": ["running"], service: services.map(({ ID }) => ID) };
  const tasks = await get<RawTask[]>(docker, "/tasks", { filters: filtersOfTasks });
  const hostnames = new Map(nodes.map(({ ID, Description }) => [ID, Description?.Hostname ?? ID]));
  const byName = new Map(services.map((service) => [service.Spec.Name, service]));
  const part = (site: Site, name: string): Part => {
    const service = byName.get(objectName(platform.name, siteStack(site.name), name));
    const running = tasks.filter(({ ServiceID, Status }) => ServiceID === service?.ID && Status.State === "running");
    return { service, nodes: running.map(({ NodeID }) => hostnames.get(NodeID ?? "") ?? "") };
  };
  const statuses = await mapLimit(16, sites, (site) =>
    siteStatus(request, edge, site, part(site, "web"), part(site, DATABASE_PART.service)),
  );
  return {
    platform: platform.name,
    edges: edges.map(({ host, https }, index) => ({ address: `${host}:${https}`, revision: revisions[index] })),
    sites: statuses,
  };
}

/** One service of a site, and the nodes that its tasks run on. */
interface Part {
  service: RawService | undefined;
  nodes: string[];
}

async function siteStatus(
  request: StatusRequest,
  edge: EdgeAddress,
  site: Site,
  { service, nodes }: Part,
  storage: Part,
): Promise<SiteStatus> {
  const { platform, date, root } = request;
  const host = site.domains.canonical.ascii;
  const answer = await visit(edge, host, root);
  const state = siteState(site, date);
  const served = state === "live" && site.serve.kind !== "proxy";
  const wanted = service?.Spec.Mode?.Replicated?.Replicas ?? (served ? site.scale.replicas : 0);
  const image = service?.Spec.TaskTemplate?.ContainerSpec?.Image;
  const stored = site.serve.kind === "image" && site.serve.database !== undefined && state === "live";
  const database = stored ? storage.nodes.length > 0 : undefined;
  const answers = answer.status > 0 && answer.status < 500 && (state !== "redirect" || answer.location !== undefined);
  return {
    site: site.name,
    title: site.title,
    state,
    url: siteUrl({ platform }, host),
    http: answer.status,
    time: answer.time,
    certificateUntil: answer.certificateUntil,
    error: answer.error ?? (database === false ? "its database does not run: terrace logs --database" : undefined),
    tasks: { running: nodes.length, wanted },
    database,
    revision: image?.split("@")[0]?.split(":").at(-1),
    nodes: [...new Set(nodes)],
    ok: answers && nodes.length >= wanted && database !== false,
  };
}
