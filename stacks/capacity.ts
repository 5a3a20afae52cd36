import type Dockerode from "dockerode";
import { checkFit, type Demand, type Refusal } from "../modules/capacity/index.ts";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { askOf, type RawAsk, readPool } from "../modules/docker/index.ts";
import type { Change } from "../modules/engine/index.ts";
import { stackSite } from "../modules/names/index.ts";
import type { Plan, SitePlan } from "./model.ts";

/**
 * The plan, where all that it makes finds room in the pool. A site that finds none is taken out of it with the reason as its fault,
 * and the others go on. The pool is read only where a service changes.
 *
 * @throws TerraceError `TERRACE_POOL_FULL` where a service of the platform's own finds no room
 */
export async function withCapacity(docker: Dockerode, plan: Plan): Promise<Plan> {
  // What all sites need comes first.
  const order = [plan.base, plan.extras, plan.edgeChanges, ...plan.sites.map(({ changes }) => changes)];
  const demands = order.flat().flatMap((change) => demandOf(change) ?? []);
  if (demands.length === 0) return plan;
  const pool = await readPool(docker);
  const { refused, warnings } = checkFit(pool, demands);
  const faults = new Map(refused.map((refusal) => [refusal.service, poolFull(refusal)]));
  const sites = plan.sites.map((site) => withoutFull(site, faults));
  const taken = new Set(sites.flatMap(({ fault }) => fault ?? []));
  const platforms = [...faults.values()].find((fault) => !taken.has(fault));
  if (platforms !== undefined) throw platforms;
  return { ...plan, sites, pool, warnings: [...plan.warnings, ...warnings] };
}

function withoutFull(site: SitePlan, faults: ReadonlyMap<string, TerraceError>): SitePlan {
  const fault = site.changes.map(({ kind, name }) => (kind === "service" ? faults.get(name) : undefined)).find(Boolean);
  return fault === undefined ? site : { ...site, changes: [], unsettled: false, fault };
}

/** What a change wants of the pool; `undefined` where it is no service, or goes away. */
function demandOf({ kind, name, stack, desired, restarts }: Change): Demand | undefined {
  if (kind !== "service" || desired === undefined) return undefined;
  const spec = desired.spec as RawAsk & { UpdateConfig?: { Order?: string } };
  return {
    service: name,
    title: stackSite(stack) ?? name,
    asks: askOf(spec),
    restarts,
    startFirst: spec.UpdateConfig?.Order === "start-first",
  };
}

function poolFull({ title, what, why }: Refusal): TerraceError {
  return new TerraceError("TERRACE_POOL_FULL", `${title}: ${what}`, {
    where: "pool",
    why,
    next: "reserve less (scale.memory, scale.replicas), or give the pool more memory or another node; `terrace pool` shows who reserves what",
    exitCode: EXIT.failed,
  });
}
