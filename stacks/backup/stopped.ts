import type Dockerode from "dockerode";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { changeObject, converge, type Fault, get, type RawService, type RawTask } from "../../modules/docker/index.ts";
import { withLock } from "../../modules/engine/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { serviceNamed } from "./cluster.ts";
import type { BackupContext } from "./run.ts";

/** On a service that is stopped for a restore: how many tasks it is to have again. */
const REPLICAS = "terrace.restore.replicas";
/** Beside that: what is being done to its data cannot be taken back, so it must not start on what a killed run left of it. */
const CHANGING = "terrace.restore.changing";

/** The site while it is stopped. */
export interface Still {
  signal: AbortSignal;
  /** Says that what is done from now on cannot be taken back. */
  changing(): Promise<void>;
}

export interface Stopped<T> {
  value: T;
  /** Why the site does not serve again; `undefined` where it does. */
  down: Fault | undefined;
}

/** Stops a site's own tasks for the time of some work, and waits until they serve again. Its database stays up. */
export function withoutTasks<T>(
  context: BackupContext,
  site: string,
  work: (still: Still) => Promise<T>,
): Promise<Stopped<T>> {
  // A deploy would start it again. One that is under way is waited for: what was fetched may have taken hours.
  return withLock({ ...context, noWait: false, scopes: [siteStack(site)] }, (signal) =>
    stopped({ ...context, signal }, site, work),
  );
}

async function stopped<T>(
  { docker, platform, signal, report }: BackupContext,
  site: string,
  work: (still: Still) => Promise<T>,
): Promise<Stopped<T>> {
  const service = await webOf(docker, platform, site);
  // 0 with a note beside it is what a restore left that was killed.
  const replicas = (service?.Spec.Mode?.Replicated?.Replicas ?? 0) || stoppedOf(service);
  if (service === undefined || replicas === 0) {
    return { value: await work({ signal, changing: async () => undefined }), down: undefined };
  }
  report(`${site}: stops for the restore`);
  const labels = { [REPLICAS]: String(replicas) };
  await scale(docker, service.ID, 0, labels);
  const changing = () => scale(docker, service.ID, 0, { ...labels, [CHANGING]: "yes" });
  let down: Fault | undefined;
  let value: T;
  try {
    await tasksGone(docker, site, service.ID, signal);
    value = await work({ signal, changing });
  } finally {
    await scale(docker, service.ID, replicas);
    report(`${site}: starts again`);
    const fault = await converge(docker, service.ID, 120_000, AbortSignal.timeout(150_000)).catch(() => undefined);
    // What only takes its time is none.
    if (fault?.cause !== "timeout") down = fault;
  }
  return { value, down };
}

/**
 * Starts a site again that a killed restore left stopped; leaves one stopped whose data it was changing.
 *
 * @param clean takes back what it left in the volumes
 */
export async function startAgain(context: BackupContext, site: string, clean: () => Promise<void>): Promise<void> {
  const { docker, platform, report } = context;
  if (!(await stoppedSites(docker, platform)).includes(site)) return;
  await withLock({ ...context, scopes: [siteStack(site)] }, async () => {
    const service = await webOf(docker, platform, site);
    const replicas = stoppedOf(service);
    if (service === undefined || replicas === 0 || service.Spec.Labels?.[CHANGING] !== undefined) return;
    await clean();
    await scale(docker, service.ID, replicas);
    report(`${site}: starts again: a restore that had stopped it was killed`);
  });
}

/** Sites that a restore has stopped and whose data is whole: one that is under way, or was killed. */
export async function stoppedSites(docker: Dockerode, platform: string): Promise<string[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`, REPLICAS] };
  const services = (await get<RawService[] | null>(docker, "/services", { filters })) ?? [];
  const whole = services.filter(({ Spec }) => Spec.Labels?.[CHANGING] === undefined);
  return whole.flatMap(({ Spec }) => Spec.Labels?.[LABEL.site] ?? []);
}

/** Why a site has no tasks, for people; `undefined` where no restore stopped it. */
export function stoppedSays(service: RawService | undefined, site: string): string | undefined {
  if (stoppedOf(service) === 0) return undefined;
  return service?.Spec.Labels?.[CHANGING] === undefined
    ? "stopped for a restore: terrace backup history"
    : `stopped while its database is restored; where no restore is under way, one was cut off: terrace restore ${site}`;
}

function stoppedOf(service: RawService | undefined): number {
  return service?.Spec.Mode?.Replicated?.Replicas === 0 ? Number(service.Spec.Labels?.[REPLICAS] ?? 0) : 0;
}

function webOf(docker: Dockerode, platform: string, site: string): Promise<RawService | undefined> {
  return serviceNamed(docker, objectName(platform, siteStack(site), "web"));
}

async function scale(
  docker: Dockerode,
  id: string,
  replicas: number,
  notes: Record<string, string> = {},
): Promise<void> {
  const change = ({ Spec }: RawService) => {
    const { [REPLICAS]: _tasks, [CHANGING]: _changing, ...labels } = Spec.Labels ?? {};
    return { ...Spec, Labels: { ...labels, ...notes }, Mode: { Replicated: { Replicas: replicas } } };
  };
  await changeObject(docker, `/services/${id}`, change);
}

async function tasksGone(docker: Dockerode, site: string, service: string, signal: AbortSignal): Promise<void> {
  for (let round = 0; round < 200; round++) {
    const tasks = await get<RawTask[]>(docker, "/tasks", { filters: { service: [service] } });
    if (!tasks.some(({ Status }) => /^(running|starting|preparing|ready)$/.test(Status.State))) return;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new TerraceError(
    "TERRACE_RESTORE_FAILED",
    `the tasks of ${site} did not stop within a minute; nothing was changed`,
    { next: `a task on a node that is away cannot stop: terrace status ${site}; then run this again` },
  );
}
