import { TerraceError } from "../modules/core/errors.ts";
import { converge, readCluster } from "../modules/docker/index.ts";
import { renderEdge, type SiteRoutes } from "../modules/edge/index.ts";
import {
  acquireLock,
  type Change,
  carryOut,
  diffStack,
  idsOf,
  LiveIndex,
  type Run,
  toLive,
} from "../modules/engine/index.ts";
import { type EdgeAddress, edgeRevision } from "../modules/probe/index.ts";
import { edgeModel } from "./edge/model.ts";
import type { Plan } from "./model.ts";
import { evaluateStack, readLiveModel } from "./plan.ts";

const MINUTE = 60_000;

export interface Published {
  /** What every edge runs now. */
  routes: SiteRoutes[];
  /** What the edge needs no longer. */
  unwanted: Change[];
}

/**
 * Publishes the routes of the sites that this run changed, and returns when every edge runs them. Others may have changed other
 * sites since the plan was made: their routes are read anew and kept. Sites that failed keep what they had.
 */
export async function publishRoutes(
  plan: Plan,
  failed: Set<string>,
  run: Run,
  edges: EdgeAddress[],
): Promise<Published> {
  const { docker, signal, report } = run;
  const name = plan.platform.name;
  const lock = await acquireLock({
    docker,
    platform: name,
    scopes: ["edge"],
    reason: "publish routes",
    noWait: false,
    signal,
    report,
  });
  try {
    const objects = await readCluster(docker, name);
    const live = new LiveIndex(toLive(objects, name));
    const model = edgeModel(plan.platform, mergeRoutes(plan, failed, readLiveModel(objects)?.sites ?? []));
    const { edgeProgram } = await import("./edge/edge.ts");
    const desired = await evaluateStack("edge", edgeProgram({ ...plan.edge, model }), name);
    const changes = diffStack("edge", desired, live);
    const own = { ...run, ids: idsOf(live) };
    await carryOut(changes, own);
    for (const change of changes) if (change.kind === "service") await edgeComesUp(change, own);
    if (changes.length > 0) await edgesRun(renderEdge(model).revision, edges, run);
    return { routes: model.sites, unwanted: changes.filter(({ action }) => action === "delete") };
  } finally {
    await lock.release();
  }
}

/** The routes that the edge has now, with those of the sites that this run changed in their place. */
export function mergeRoutes(
  plan: Pick<Plan, "routes" | "edge">,
  failed: Set<string>,
  live: SiteRoutes[],
): SiteRoutes[] {
  const changed = new Set(plan.routes.map(({ site }) => site).filter((site) => !failed.has(site)));
  return [
    ...live.filter(({ site }) => !changed.has(site)),
    ...plan.edge.model.sites.filter(({ site }) => changed.has(site)),
  ];
}

/**
 * Waits until a service of the edge runs as it is wanted.
 *
 * @throws TerraceError `TERRACE_EDGE`
 */
export async function edgeComesUp({ kind, name, action }: Change, { docker, signal, ids }: Run): Promise<void> {
  if (action === "delete") return;
  const fault = await converge(docker, ids.get(`${kind} ${name}`) ?? name, MINUTE, signal);
  if (fault !== undefined) throw edgeFault(`${name} did not come up: ${fault.why}`, fault.log);
}

async function edgesRun(revision: string, edges: EdgeAddress[], run: Run): Promise<void> {
  run.report(`publish routes ${revision}`);
  const until = Date.now() + MINUTE;
  let waiting = edges;
  while (waiting.length > 0) {
    run.signal.throwIfAborted();
    const running = await Promise.all(waiting.map((edge) => edgeRevision(edge)));
    waiting = waiting.filter((_, index) => running[index] !== revision);
    if (waiting.length === 0) return;
    if (Date.now() > until) {
      const named = waiting.map(({ host, http }) => `${host}:${http}`).join(", ");
      throw edgeFault(`the edge at ${named} did not take the new routes (${revision}) within a minute`, []);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function edgeFault(what: string, log: string[]): TerraceError {
  return new TerraceError("TERRACE_EDGE", what, {
    why: log.length === 0 ? undefined : log.map((line) => `  | ${line}`).join("\n"),
    next: "the edge goes on with the routes it had; look at `terrace logs edge`, then run this again",
  });
}
