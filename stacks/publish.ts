import { TerraceError } from "../modules/core/errors.ts";
import { converge, type Fault, readCluster } from "../modules/docker/index.ts";
import { giveWay, hosts, renderEdge, type SiteRoutes } from "../modules/edge/index.ts";
import {
  type Change,
  carryOut,
  diffStack,
  EDGE,
  idsOf,
  LiveIndex,
  type Run,
  toLive,
  withLock,
} from "../modules/engine/index.ts";
import { objectName } from "../modules/names/index.ts";
import { type EdgeAddress, edgeRevision } from "../modules/probe/index.ts";
import { edgeModel } from "./edge/model.ts";
import type { Plan } from "./model.ts";
import { evaluateStack, readLiveModel } from "./plan.ts";

const MINUTE = 60_000;
/** ms that routes may take to reach the edges: a minute for the service that hands them out, and one for the edges. */
const ARRIVAL = 2 * MINUTE;
/** ms after which an edge that does not answer is not waited for any more, once another one runs the new routes. */
const SILENCE = 8000;

export interface Published {
  /** What every edge runs now. */
  routes: SiteRoutes[];
  /** What the edge needs no longer. */
  unwanted: Change[];
  /** The edges that run it; one whose node is lost takes it when it is back. */
  edges: EdgeAddress[];
}

/**
 * Publishes the routes of the sites that this run changed, and returns when every edge runs them. Others may have changed other
 * sites since the plan was made: their routes are read anew and kept. Sites that failed keep what they had.
 */
export function publishRoutes(plan: Plan, failed: Set<string>, run: Run, edges: EdgeAddress[]): Promise<Published> {
  const { docker, signal, report } = run;
  const name = plan.platform.name;
  const request = { docker, platform: name, scopes: [EDGE], reason: "publish routes", noWait: false, signal, report };
  return withLock(request, async (both) => {
    const objects = await readCluster(docker, name);
    const live = new LiveIndex(toLive(objects, name));
    const model = edgeModel(plan.platform, mergeRoutes(plan, failed, readLiveModel(objects)?.sites ?? []));
    const { edgeProgram } = await import("./edge/edge.ts");
    const desired = await evaluateStack("edge", edgeProgram({ ...plan.edge, model }), name);
    const changes = diffStack("edge", desired, live);
    const own = { ...run, ids: idsOf(live), signal: both };
    await carryOut(changes, own);
    const handsOut = objectName(name, "edge", "config");
    const services = changes.filter(({ kind, action }) => kind === "service" && action !== "delete");
    for (const change of services) if (change.name !== handsOut) await edgeComesUp(change, own);
    const source = services.find((change) => change.name === handsOut);
    const running =
      changes.length > 0 ? await arrive(renderEdge(model).revision, edges, source, own) : await answering(edges);
    return { routes: model.sites, unwanted: changes.filter(({ action }) => action === "delete"), edges: running };
  });
}

/** The routes that the edge has now, with those of the sites that this run changed in their place. */
export function mergeRoutes(
  plan: Pick<Plan, "routes" | "edge">,
  failed: Set<string>,
  live: SiteRoutes[],
): SiteRoutes[] {
  const wanted = new Map(plan.edge.model.sites.map((routes) => [routes.site, hosts(routes)]));
  const missed = new Set([...failed].flatMap((site) => wanted.get(site) ?? []));
  // A host that moves to a site that is not up stays where it is, and so the site that has it.
  const waiting = live.filter((routes) =>
    hosts(routes).some((host) => missed.has(host) && wanted.get(routes.site)?.includes(host) !== true),
  );
  const held = new Set([...failed, ...waiting.map(({ site }) => site)]);
  const names = new Set(plan.routes.map(({ site }) => site).filter((site) => !held.has(site)));
  const changed = plan.edge.model.sites.filter(({ site }) => names.has(site));
  const kept = live.filter(({ site }) => !names.has(site));
  return [...giveWay(kept, changed), ...changed];
}

/**
 * Waits until a service of the edge runs as it is wanted.
 *
 * @throws TerraceError `TERRACE_EDGE`
 */
export async function edgeComesUp({ kind, name, action }: Change, { docker, signal, ids }: Run): Promise<void> {
  if (action === "delete") return;
  const fault = await converge(docker, ids.get(`${kind} ${name}`) ?? name, MINUTE, signal);
  if (fault !== undefined) throw edgeFault(`${name} did not come up: ${fault.why}`, fault);
}

/**
 * Waits until every edge runs a revision, and returns those that do. They have it from the new task of the service that hands it out:
 * that the old one stops, and that Swarm calls the update complete, seconds later, nobody waits for. Where the service does not come
 * up, its fault is thrown.
 */
async function arrive(
  revision: string,
  edges: EdgeAddress[],
  source: Change | undefined,
  run: Run,
): Promise<EdgeAddress[]> {
  run.report(`publish routes ${revision}`);
  const arrived = new AbortController();
  const own = { ...run, signal: AbortSignal.any([run.signal, arrived.signal]) };
  const up = source === undefined ? Promise.resolve() : edgeComesUp(source, own);
  const broken = new Promise<never>((_, reject) => up.catch(reject));
  try {
    const running = await Promise.race([edgesRun(revision, edges, own), broken]);
    // Edges that had these routes before tell nothing of a service that was not there.
    if (source?.action === "create") await up;
    return running;
  } finally {
    arrived.abort();
  }
}

/** Waits until every edge runs a revision, and returns those that do. One that does not answer at all holds up no other one. */
async function edgesRun(revision: string, edges: EdgeAddress[], run: Run): Promise<EdgeAddress[]> {
  const started = Date.now();
  let first: number | undefined;
  const done: EdgeAddress[] = [];
  for (let waiting = edges; ; ) {
    run.signal.throwIfAborted();
    const running = await Promise.all(waiting.map((edge) => edgeRevision(edge)));
    done.push(...waiting.filter((_, index) => running[index] === revision));
    const silent = waiting.filter((_, index) => running[index] === undefined);
    waiting = waiting.filter((_, index) => running[index] !== revision);
    if (waiting.length === 0) return done;
    if (done.length > 0) first ??= Date.now();
    const alone = Date.now() - (first ?? Date.now());
    if (silent.length === waiting.length && alone > SILENCE) {
      run.report(`the edge at ${named(silent)} does not answer; it takes the new routes when it is back`);
      return done;
    }
    if (Date.now() - started > ARRIVAL) {
      throw edgeFault(`the edge at ${named(waiting)} did not take the new routes (${revision}) within two minutes`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The edges that answer; all where none does, so that a visit says what is wrong. */
async function answering(edges: EdgeAddress[]): Promise<EdgeAddress[]> {
  const running = await Promise.all(edges.map((edge) => edgeRevision(edge)));
  const there = edges.filter((_, index) => running[index] !== undefined);
  return there.length > 0 ? there : edges;
}

function named(edges: EdgeAddress[]): string {
  return edges.map(({ host, http }) => `${host}:${http}`).join(", ");
}

function edgeFault(what: string, fault?: Fault): TerraceError {
  return new TerraceError("TERRACE_EDGE", what, {
    why: fault?.log.map((line) => `  | ${line}`).join("\n") || undefined,
    reason: fault?.cause,
    rolledBack: fault?.rolledBack,
    next: "the edge goes on with the routes it had; look at `terrace logs edge`, then run this again",
  });
}
