import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../modules/core/errors.ts";
import { removeOldImages, ServiceWatch } from "../modules/docker/index.ts";
import type { SiteRoutes } from "../modules/edge/index.ts";
import type { Change } from "../modules/engine/index.ts";
import { carryOut, idsOf, type Run, remove } from "../modules/engine/index.ts";
import { imageName, objectName, siteStack } from "../modules/names/index.ts";
import { isMultiNode } from "../modules/pool/index.ts";
import { type EdgeAddress, visit } from "../modules/probe/index.ts";
import { gate, mapLimit } from "./limit.ts";
import type { Plan, SitePlan } from "./model.ts";
import { spreadCrowded } from "./pool/spread.ts";
import { edgeComesUp, publishRoutes } from "./publish.ts";
import { type Helpers, settleSite } from "./settle.ts";

/** What became of one site. */
export interface Outcome {
  site: string;
  url: string;
  /** Whether anything was changed for it. */
  changed: boolean;
  /** Why it does not serve what its file says. */
  fault: TerraceError | undefined;
}

export interface ApplyContext extends Omit<Run, "ids"> {
  edges: EdgeAddress[];
  /** PEM of the root that visitors trust; read after the platform stack is there. */
  root(): Promise<string>;
}

/** Sites that are on their way at the same time: enough for Docker to have always something to start, and not so many that one waits long. */
const UNDER_WAY = 32;
/** Images built and services written at the same time, and visits: more only makes the daemon slower. */
const PARALLEL = 8;
/** How long the routes of sites that are up wait for the others, in ms. */
const PATIENCE = 8_000;

/**
 * Carries a plan out. New services first, then the routes to them, and only then what the routes no longer need: no request ever
 * meets a service that is not up yet or not there any more. A site that fails keeps the version and the routes that it had.
 */
export async function apply(plan: Plan, context: ApplyContext): Promise<Outcome[]> {
  const run: Run = { ...context, ids: idsOf(plan.live) };
  await carryOut(plan.base, run);
  // Other nodes get their images from the registry, so it comes first.
  const [first, extras] = split(plan.extras, ({ stack }) => stack === "registry");
  await carryOut(first, run);
  if (first.length > 0) await context.images?.restock();
  const edge = startEdge(plan, run);
  await carryOut(extras, run);
  const deployed = await deploySites(plan, run, context.edges);
  await edge.up;
  const published = await publishRoutes(plan, heldBack(plan, deployed), run, context.edges);
  const root = deployed.some(({ changed }) => changed) ? await context.root() : "";
  const outcomes = await mapLimit(PARALLEL, deployed, (outcome) =>
    check(outcome, published.routes, published.edges, root),
  );
  const down = new Set(outcomes.filter(({ fault }) => fault !== undefined).map(({ site }) => siteStack(site)));
  // A site whose host moves to one that is not up has its routes still.
  for (const stack of servedStacks(deletions(plan), published.routes)) down.add(stack);
  await remove([...deletions(plan).filter(({ stack }) => !down.has(stack)), ...published.unwanted], run);
  await context.images?.settle();
  await spreadSites(plan, outcomes, run);
  await context.images?.prune(changedRepositories(plan));
  await removeOldImages(context.docker, imagesInUse(plan));
  return outcomes;
}

/** Stacks of which a service would be removed that routes lead to. */
function servedStacks(removed: Change[], routes: SiteRoutes[]): string[] {
  const served = new Set(routes.flatMap(({ upstream }) => (upstream.kind === "service" ? [upstream.name] : [])));
  return removed.filter(({ kind, name }) => kind === "service" && served.has(name)).map(({ stack }) => stack);
}

function split<T>(list: T[], chosen: (item: T) => boolean): [T[], T[]] {
  return [list.filter(chosen), list.filter((item) => !chosen(item))];
}

/**
 * Starts an edge that is not there yet beside the sites: it needs longer than most of them, and nothing of them. Routes come later.
 * Its fault is thrown by `up`, so that sites are brought to an end first.
 */
function startEdge(plan: Plan, run: Run): { up: Promise<void> } {
  const own = objectName(plan.platform.name, "edge", "caddy");
  const created = plan.edgeChanges.filter(({ action, name }) => action === "create" && name === own);
  const up = carryOut(created, run).then(async () => {
    for (const change of created) await edgeComesUp(change, run);
  });
  up.catch(() => undefined);
  return { up };
}

/** Deploys all sites. The routes of those that are up do not wait for one that is slow. */
async function deploySites(plan: Plan, run: Run, edges: EdgeAddress[]): Promise<Outcome[]> {
  const ended: Outcome[] = [];
  const helpers = { watch: new ServiceWatch(run.docker), making: gate(PARALLEL) };
  const all = mapLimit(UNDER_WAY, plan.sites, async (site) => {
    const outcome = await deploySite(site, plan, run, helpers);
    ended.push(outcome);
    return outcome;
  });
  const slow = await Promise.race([all.then(() => false), sleep(PATIENCE, true, { ref: false })]);
  const held = heldBack(plan, ended);
  if (slow && plan.routes.some(({ site }) => !held.has(site))) await publishEarly(plan, held, run, edges);
  return all;
}

/** The routes are published once more in the end, so that what fails here is only told: the other sites are still under way. */
async function publishEarly(plan: Plan, held: Set<string>, run: Run, edges: EdgeAddress[]): Promise<void> {
  try {
    await publishRoutes(plan, held, run, edges);
  } catch (error) {
    if (!run.signal.aborted) run.report(error instanceof Error ? error.message : String(error));
  }
}

/** Sites whose routes stay as they are: not up yet, or failed. Sites without a file any more have nothing to wait for. */
function heldBack(plan: Plan, ended: Outcome[]): Set<string> {
  const up = new Set(ended.filter(({ fault }) => fault === undefined).map(({ site }) => site));
  return new Set(plan.sites.map(({ site }) => site.name).filter((site) => !up.has(site)));
}

async function deploySite(plan: SitePlan, whole: Plan, run: Run, helpers: Helpers): Promise<Outcome> {
  const { site, changes, stack } = plan;
  const changed = changes.length > 0 || plan.unsettled || whole.routes.some((route) => route.site === site.name);
  const url = siteUrl(whole, site.domains.canonical.ascii);
  const outcome: Outcome = { site: site.name, url, changed, fault: plan.fault };
  if (plan.fault !== undefined || !changed) return outcome;
  try {
    // Also where only its routes change: a run that was cut off may have left its service on its way up.
    await settleSite(plan, whole.platform.name, run, helpers);
    return outcome;
  } catch (error) {
    if (run.signal.aborted) throw error;
    return { ...outcome, fault: siteFault(site.name, stack, error) };
  }
}

function siteFault(site: string, stack: string, error: unknown): TerraceError {
  if (error instanceof TerraceError) {
    const { code, message, where = `site-configs/${site}.yaml`, why, next, exitCode, reason, rolledBack } = error;
    const named = message.startsWith(`${site} `) || message.startsWith(`${site}: `);
    const what = named ? message : `${site}: ${message}`;
    return new TerraceError(code, what, { where, why, next, exitCode, reason, rolledBack, cause: error });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new TerraceError("TERRACE_SITE_FAILED", `${site} could not be deployed`, {
    where: stack,
    why,
    next: `mend what Docker says, then terrace up ${site}: it goes on where it stopped`,
    cause: error,
  });
}

/** Visits what was changed as a visitor would: through the edge, over TLS, checked against the root. */
async function check(outcome: Outcome, routes: SiteRoutes[], edges: EdgeAddress[], root: string): Promise<Outcome> {
  const route = routes.find(({ site }) => site === outcome.site);
  if (!outcome.changed || outcome.fault !== undefined || route === undefined) return outcome;
  for (const edge of edges) {
    const answer = await visit(edge, route.host, root);
    const wrong = answer.error ?? (answer.status >= 500 ? `it answered ${answer.status}` : undefined);
    if (wrong === undefined) continue;
    const fault = new TerraceError(
      "TERRACE_SITE_UNREACHABLE",
      `${outcome.site} is deployed but does not answer as it should: ${wrong}`,
      {
        where: `${outcome.url} at ${edge.host}`,
        next:
          route.upstream.kind === "proxy"
            ? `does ${route.upstream.url} answer?`
            : `see \`terrace logs ${outcome.site}\``,
      },
    );
    return { ...outcome, fault };
  }
  return outcome;
}

/** New containers that start before the old ones stop may all come to stand on one node; a site that was changed is spread again. */
async function spreadSites({ platform }: Plan, outcomes: Outcome[], run: Run): Promise<void> {
  const changed = new Set(outcomes.filter((each) => each.changed && each.fault === undefined).map(({ site }) => site));
  if (!isMultiNode(platform.pool) || changed.size === 0) return;
  await spreadCrowded((service) => service.platform === platform.name && changed.has(service.site), run);
}

function deletions(plan: Plan): Change[] {
  return [...plan.sites.flatMap(({ changes }) => changes), ...plan.leftovers, ...plan.extras, ...plan.base].filter(
    ({ action }) => action === "delete",
  );
}

/** Images of this platform's sites, each with the reference that it runs now. */
function imagesInUse(plan: Plan): { repository: string; current: string }[] {
  return plan.sites.flatMap(({ site, image, changes }) => {
    if (image?.build === undefined || changes.length === 0) return [];
    const repository = imageName(plan.platform.name, siteStack(site.name), "").slice(0, -1);
    return [{ repository, current: image.reference }];
  });
}

/** Where the images of this run's sites are in the registry: it alone changes these sites now. */
function changedRepositories({ platform, sites }: Plan): string[] {
  const changed = sites.filter(({ changes, draft }) => changes.length > 0 && draft.source.kind !== "image");
  return changed.map(({ site }) => imageName(platform.name, siteStack(site.name), "").slice(0, -1));
}

/** The address that visitors type. */
export function siteUrl(plan: { platform: { edge: { https: number } } }, host: string): string {
  const { https } = plan.platform.edge;
  return `https://${host}${https === 443 ? "" : `:${https}`}/`;
}
