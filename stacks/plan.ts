import { gunzipSync } from "node:zlib";
import type Dockerode from "dockerode";
import { TerraceError } from "../modules/core/errors.ts";
import { LABEL } from "../modules/core/labels.ts";
import { DATABASE_PART } from "../modules/database/index.ts";
import { type ClusterObjects, readCluster } from "../modules/docker/index.ts";
import { diffRoutes, type EdgeModel, giveWay } from "../modules/edge/index.ts";
import type { Change, Desired } from "../modules/engine/index.ts";
import {
  diffStack,
  EvaluationCache,
  evaluate,
  isUnchanged,
  LiveIndex,
  loadLate,
  type Program,
  toDesired,
  toLive,
} from "../modules/engine/index.ts";
import { objectName, siteStack, stackSite } from "../modules/names/index.ts";
import type { VolumePlaces } from "../modules/nodes/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import { isJoined, spreadLabels } from "../modules/pool/index.ts";
import { type Site, siteState } from "../modules/site/index.ts";
import { withCapacity } from "./capacity.ts";
import { describe } from "./describe.ts";
import type { EdgeInputs } from "./edge/edge.ts";
import { edgeModel, ROUTES } from "./edge/model.ts";
import { type PlatformImages, platformImages } from "./images.ts";
import { mapLimit } from "./limit.ts";
import { allChanges, type Plan, type SitePlan } from "./model.ts";
import { type PlatformService, platformServices, type StackSource } from "./services.ts";
import { siteHome } from "./site/home.ts";
import { siteInputs } from "./site/inputs.ts";
import { databaseLogin } from "./site/login.ts";
import { plannedVolumes } from "./volumes.ts";

export interface PlanRequest {
  docker: Dockerode;
  /** The workspace's folder. */
  root: string;
  platform: Platform;
  sites: Site[];
  /** The day for which sites are planned, `YYYY-MM-DD`. */
  date: string;
  /** Only these sites are changed; all where it is empty. */
  only: string[];
  /** Stacks beside the platform's own: the example cluster's stand-in for an old server. */
  extras?: ((images: PlatformImages) => StackSource)[];
}

/** Programs evaluated at the same time: each keeps some hundred kilobytes in the SDK until it ends. */
const EVALUATIONS = 16;

/** What every step of planning needs. */
interface Planning {
  request: PlanRequest;
  images: PlatformImages;
  objects: ClusterObjects;
  live: LiveIndex;
  cache: EvaluationCache;
  /** Asks the pool's nodes, once. */
  places(): Promise<VolumePlaces>;
  warnings: string[];
}

/** Works out all that must be done, and does none of it. */
export async function makePlan(request: PlanRequest): Promise<Plan> {
  const { docker, platform, root } = request;
  loadLate();
  const [objects, images] = await Promise.all([readCluster(docker, platform.name), platformImages(platform.images)]);
  const live = new LiveIndex(toLive(objects, platform.name));
  const cache = new EvaluationCache(`${root}\n${platform.name}`);
  const planning: Planning = { request, images, objects, live, cache, places: placesOf(request), warnings: [] };
  const base = removedByHand(await stackChanges(platformSource(planning), planning), live.stacks().length > 0);
  const extras = await Promise.all([
    ...platformServices.map((service) => serviceChanges(service, planning)),
    ...(request.extras ?? []).map((extra) => stackChanges(extra(images), planning)),
  ]);
  const liveModel = readLiveModel(objects);
  if (request.only.length === 0) refuseLostFiles(request.sites, live, liveModel);
  const reality = { served: servedSites(liveModel), unsettled: unsettledServices(objects) };
  const sites = await mapLimit(EVALUATIONS, request.sites, (site) => planSite(site, planning, reality));
  const model = wantedModel(request, liveModel);
  const edge = { platform: platform.name, images, model, labelled: isJoined(platform.pool) };
  const edgeChanges = removedByHand(await stackChanges(edgeSource(edge), planning), live.ofStack("edge").length > 0);
  planning.cache.save();
  const plan = await withCapacity(docker, {
    platform,
    images,
    live,
    base,
    extras: extras.flat(),
    sites,
    edge,
    edgeChanges,
    leftovers: leftovers(request, live),
    liveModel,
    routes: diffRoutes(liveModel?.sites ?? [], edge.model.sites),
    pool: undefined,
    volumes: [],
    warnings: planning.warnings,
  });
  return withVolumes(plan, planning);
}

async function withVolumes(plan: Plan, { request: { docker, platform }, places }: Planning): Promise<Plan> {
  const warnings = [...plan.warnings];
  const volumes = await plannedVolumes({
    docker,
    platform: platform.name,
    pool: platform.pool,
    changes: allChanges(plan),
    places,
    warn: (sentence) => warnings.push(sentence),
  });
  return { ...plan, volumes, warnings };
}

function placesOf({ platform: { pool, name }, root }: PlanRequest): Planning["places"] {
  const find = async () => (await import("../modules/nodes/index.ts")).findVolumes(pool, { root, platform: name });
  let places: Promise<VolumePlaces> | undefined;
  return () => (places ??= find());
}

function platformSource({ request: { platform }, images }: Planning): StackSource {
  const inputs = { platform: platform.name, images, networks: platform.networks };
  const program = async () => (await import("./platform/platform.ts")).platformProgram(inputs);
  return { stack: "platform", inputs, program };
}

async function serviceChanges({ stack, source }: PlatformService, planning: Planning): Promise<Change[]> {
  const { request, images, live, objects } = planning;
  const wanted = await source({ ...request, images, live: objects });
  return wanted === undefined ? diffStack(stack, [], live) : stackChanges(wanted, planning);
}

function edgeSource(inputs: EdgeInputs): StackSource {
  return { stack: "edge", inputs, program: async () => (await import("./edge/edge.ts")).edgeProgram(inputs) };
}

async function planSite(site: Site, planning: Planning, reality: Reality): Promise<SitePlan> {
  const { platform, root, date } = planning.request;
  const stack = siteStack(site.name);
  const { service: draft } = describe(platform.name, site, date);
  const state = siteState(site, date);
  const plan: SitePlan = {
    site,
    stack,
    draft,
    state,
    image: undefined,
    changes: [],
    unsettled: false,
    fault: undefined,
  };
  if (!isPlanned(planning.request, site.name)) return plan;
  try {
    const part = draft.source.kind === "none" ? undefined : draft.database;
    const login = part && databaseLogin(planning.live, platform.name, site.name, part);
    const spread = spreadLabels(platform.pool);
    const home = await siteHome({
      docker: planning.request.docker,
      platform: platform.name,
      pool: platform.pool,
      site: site.name,
      draft,
      live: planning.live.ofStack(stack),
      places: planning.places,
      warn: (sentence) => planning.warnings.push(sentence),
    });
    const { networks, secrets } = platform;
    const context = { root, platform: platform.name, date, spread, encrypted: networks.encrypted, secrets, home };
    const inputs = await siteInputs(context, site, planning.images, login);
    // Secret values go into no file, not even as part of a hash.
    const remembered = Object.keys(inputs.secrets).length === 0 ? inputs : undefined;
    const program = async () => (await import("./site/site.ts")).siteProgram(inputs);
    const changes = await stackChanges({ stack, inputs: remembered, program }, planning);
    const served = reality.served.has(site.name);
    const unsettled = ["web", ...(part ? [DATABASE_PART.service] : [])].some((name) =>
      reality.unsettled.has(objectName(platform.name, stack, name)),
    );
    return { ...plan, image: inputs.image, changes: removedByHand(changes, served), unsettled };
  } catch (error) {
    if (error instanceof TerraceError) return { ...plan, fault: error };
    throw error;
  }
}

/** What the cluster tells of sites beside their objects. */
interface Reality {
  /** Sites with a route that leads to a service of theirs. */
  served: Set<string>;
  /** Names of services that are being updated, or miss tasks. */
  unsettled: Set<string>;
}

function servedSites(model: EdgeModel | undefined): Set<string> {
  return new Set(model?.sites.filter(({ upstream }) => upstream.kind === "service").map(({ site }) => site));
}

function unsettledServices({ services }: ClusterObjects): Set<string> {
  const unsettled = services.filter(({ ServiceStatus: tasks, UpdateStatus: update }) => {
    const missing = tasks !== undefined && tasks.RunningTasks < tasks.DesiredTasks;
    return missing || update?.State === "updating" || update?.State === "rollback_started";
  });
  return new Set(unsettled.map(({ Spec }) => Spec.Name));
}

/**
 * Nothing keeps a record of what was there, but what remains tells: where a route leads to a service, or other parts of a stack are
 * live, what is missing was there and somebody removed it.
 */
function removedByHand(changes: Change[], wasThere: boolean): Change[] {
  const lost = ({ action, kind }: Change) => action === "create" && (kind === "service" || kind === "network");
  return wasThere
    ? changes.map((change) => (lost(change) ? { ...change, reason: "drift", drifted: true } : change))
    : changes;
}

function isPlanned({ only }: PlanRequest, site: string): boolean {
  return only.length === 0 || only.includes(site);
}

/** Evaluates the program of a stack: the objects that it wants. */
export async function evaluateStack(stack: string, program: Program, platform: string): Promise<Desired[]> {
  return toDesired(await evaluate(program, { project: "terrace", stack: `${platform}-${stack}` }), { platform, stack });
}

async function stackChanges({ stack, inputs, program }: StackSource, planning: Planning): Promise<Change[]> {
  const { live, cache, request } = planning;
  const known = inputs === undefined ? undefined : cache.get(stack, inputs);
  if (known !== undefined && isUnchanged(stack, known, live)) return [];
  const desired = await evaluateStack(stack, await program(), request.platform.name);
  if (inputs !== undefined) cache.put(stack, inputs, desired);
  return diffStack(stack, desired, live);
}

/** The routes that the edge is to have; sites that are not planned keep those they have. */
function wantedModel(request: PlanRequest, live: EdgeModel | undefined): EdgeModel {
  const { platform, sites, date } = request;
  const planned = sites
    .filter(({ name }) => isPlanned(request, name))
    .map((site) => describe(platform.name, site, date).routes);
  const kept = live?.sites.filter(({ site }) => !isPlanned(request, site)) ?? [];
  return edgeModel(platform, [...planned, ...giveWay(kept, planned)]);
}

/** The routes that the edge has now, as plain data. */
export function readLiveModel({ configs }: ClusterObjects): EdgeModel | undefined {
  const newest = configs
    .filter(({ Spec }) => Spec.Labels?.[LABEL.stack] === "edge" && Spec.Labels[LABEL.urn]?.endsWith(`::${ROUTES}`))
    .toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))[0];
  if (newest?.Spec.Data === undefined) return undefined;
  return JSON.parse(gunzipSync(Buffer.from(newest.Spec.Data, "base64")).toString("utf8")) as EdgeModel;
}

/** A live site is never removed because its file is gone: that may be a mistake, and the site is a public service. */
function refuseLostFiles(sites: Site[], live: LiveIndex, model: EdgeModel | undefined): void {
  const named = new Set(sites.map(({ name }) => name));
  const served = lostSites(live).filter((site) => hasService(live, site));
  const routed = model?.sites.filter(({ upstream }) => upstream.kind !== "retired").map(({ site }) => site) ?? [];
  const lost = [...new Set([...served, ...routed])].filter((site) => !named.has(site)).sort();
  if (lost.length === 0) return;
  const files = lost.map((site) => `site-configs/${site}.yaml`).join(", ");
  throw new TerraceError("TERRACE_SITE_FILE_GONE", `${lost.join(", ")}: live, but without a file`, {
    where: files,
    why: "a live site is never taken down because its file vanished",
    next: "restore the file (git checkout), or retire the site first: give its file `retire: { redirect: DATE, to: URL }`, apply, and then remove the file",
    exitCode: 2,
  });
}

function lostSites(live: LiveIndex): string[] {
  return live.stacks().flatMap((stack) => stackSite(stack) ?? []);
}

function hasService(live: LiveIndex, site: string): boolean {
  return live.ofStack(siteStack(site)).some(({ kind }) => kind === "service");
}

/** What retired sites left behind once their files are gone too; volumes are not among it. */
function leftovers({ sites, only }: PlanRequest, live: LiveIndex): Change[] {
  if (only.length > 0) return [];
  const named = new Set(sites.map(({ name }) => name));
  const gone = lostSites(live).filter((site) => !named.has(site));
  return gone.flatMap((site) => diffStack(siteStack(site), [], live));
}
