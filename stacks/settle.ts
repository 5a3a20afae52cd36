import { TerraceError } from "../modules/core/errors.ts";
import { DATABASE_PART } from "../modules/database/index.ts";
import { converge, type Fault, rollBack, type ServiceWatch } from "../modules/docker/index.ts";
import { type Change, carryOut, NotConverged, type Run, remove } from "../modules/engine/index.ts";
import { objectName } from "../modules/names/index.ts";
import type { HealthPart } from "../modules/site/service.ts";
import type { gate } from "./limit.ts";
import type { SitePlan } from "./model.ts";

/** What all sites of one run share. */
export interface Helpers {
  watch: ServiceWatch;
  /** Bounds how many images are built and services written at the same time. */
  making: ReturnType<typeof gate>;
}

const MINUTE = 60_000;
/** How long a database that an earlier run left on its way is waited for, in ms. */
const DATABASE = 5 * MINUTE;

/**
 * Carries a site's changes out and waits for its services, the database before what uses it. One that was not there before and does
 * not come up is taken away again.
 *
 * @throws TerraceError `TERRACE_SITE_DOWN`
 */
export async function settleSite(plan: SitePlan, platform: string, run: Run, helpers: Helpers): Promise<void> {
  const { site, changes, draft } = plan;
  const { making, watch } = helpers;
  // An earlier run that was cut off may have left it on its way up.
  if (plan.unsettled) await databaseComesUp(plan, platform, run, watch);
  try {
    // The wait for a database must not keep other sites from being made.
    if (draft.database === undefined) await making(() => carryOut(changes, run));
    else await carryOut(changes, { ...run, making, watch });
  } catch (error) {
    if (!(error instanceof NotConverged)) throw error;
    const { change } = error;
    const created = change.action === "create";
    if (created) await takeAway(change, run);
    const id = run.ids.get(`service ${change.name}`) ?? change.name;
    const fault = { ...error.fault, rolledBack: await isBack(error.fault, id, run, created ? "new" : "changed") };
    throw siteDown(
      site.name,
      `${site.name}: its database did not come up: ${fault.why}`,
      fault,
      databaseServes(created, fault),
    );
  }
  if (draft.source.kind === "none") return;
  const name = objectName(platform, plan.stack, "web");
  const id = run.ids.get(`service ${name}`) ?? name;
  const changed = changes.some((change) => change.name === name);
  const fault = await converge(run.docker, id, MINUTE + untilUnhealthy(draft.health), run.signal, watch, changed);
  if (fault === undefined) return;
  const created = changes.find((change) => change.name === name && change.action === "create");
  if (created !== undefined) await takeAway(created, run);
  const state = created !== undefined ? "new" : changed ? "changed" : "as before";
  const end = { ...fault, rolledBack: await isBack(fault, id, run, state) };
  throw siteDown(site.name, `${site.name} did not come up: ${fault.why}`, end, whatServes(created !== undefined, end));
}

/**
 * Whether the version before serves again. What this run changed is taken back; of what it did not change, an update that an earlier
 * run left under way. What went wrong is to be told also where it can't be.
 */
async function isBack(
  fault: Fault,
  service: string,
  { docker, signal }: Run,
  state: "new" | "changed" | "as before",
): Promise<boolean> {
  if (fault.rolledBack || state === "new") return fault.rolledBack;
  return rollBack(docker, service, signal, state === "as before").catch(() => false);
}

/** ms in which a container that never gets healthy is told so, also where each check takes all its time. */
function untilUnhealthy(health: HealthPart | undefined): number {
  return health === undefined ? 0 : health.start + health.retries * (health.interval + health.timeout);
}

async function databaseComesUp(plan: SitePlan, platform: string, run: Run, watch: ServiceWatch): Promise<void> {
  const { site, stack, draft, changes } = plan;
  const name = objectName(platform, stack, DATABASE_PART.service);
  const id = run.ids.get(`service ${name}`);
  if (draft.source.kind === "none" || draft.database === undefined || id === undefined) return;
  if (changes.some((change) => change.name === name)) return;
  const fault = await converge(run.docker, id, DATABASE, run.signal, watch, false);
  if (fault !== undefined)
    throw siteDown(
      site.name,
      `${site.name}: its database did not come up: ${fault.why}`,
      fault,
      databaseServes(false, fault),
    );
}

function siteDown(site: string, what: string, { log, ran, cause, rolledBack }: Fault, next: string): TerraceError {
  const lines = log.map((line) => `  | ${line}`).join("\n");
  return new TerraceError("TERRACE_SITE_DOWN", what, {
    where: `site-configs/${site}.yaml`,
    why: log.length > 0 ? `its last lines:\n${lines}` : ran ? "it wrote nothing to its log" : undefined,
    next,
    reason: cause,
    rolledBack,
  });
}

function databaseServes(created: boolean, { rolledBack }: Fault): string {
  if (created) return "its service was taken away again, its volume was not; the site's own service was not touched";
  if (rolledBack) return "the database's version before serves again; the site's own service was not touched";
  return "the site's own service was not touched; see `terrace status`";
}

function whatServes(created: boolean, { rolledBack }: Fault): string {
  if (created) return "it has no earlier version; its service was taken away again";
  return rolledBack
    ? "the version before still serves"
    : "the version before serves on as far as it can; see `terrace status`";
}

async function takeAway(created: Change, run: Run): Promise<void> {
  const { kind, name, platform, stack, urn } = created;
  const id = run.ids.get(`${kind} ${name}`) ?? name;
  const live = { kind, name, platform, stack, urn, id, version: 0, spec: {}, hash: "" };
  await remove([{ ...created, action: "delete", live }], run);
}
