import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { formatSize } from "../units/index.ts";
import { call, get, getBytes } from "./call.ts";
import type { RawService } from "./read.ts";
import { ServiceWatch } from "./watch.ts";

export interface RawTask {
  ID: string;
  ServiceID: string;
  NodeID?: string;
  Slot?: number;
  CreatedAt: string;
  DesiredState: string;
  Spec: { ContainerSpec?: { Labels?: Record<string, string>; Image?: string } };
  Status: {
    State: string;
    Timestamp?: string;
    Message?: string;
    Err?: string;
    ContainerStatus?: { ExitCode?: number; ContainerID?: string };
  };
}

/** What keeps a service from coming up, for programs; `docs/errors.md` says what each means. */
export const FAULT_CAUSES = [
  "no-node",
  "no-address",
  "image",
  "rejected",
  "not-started",
  "exited",
  "unhealthy",
  "failed",
  "paused",
  "timeout",
] as const;
export type FaultCause = (typeof FAULT_CAUSES)[number];

/** Why a service did not come up as it was wanted. */
export interface Fault {
  cause: FaultCause;
  /** One sentence, e.g. `the container exited with code 1 right after its start, 3 times`. */
  why: string;
  /** The last lines that the failing task wrote, oldest first. */
  log: string[];
  /** Whether any task got as far as running. */
  ran: boolean;
  /** Swarm put the version before this one back, and it serves. */
  rolledBack: boolean;
}

/** How long a task may wait for a node, in ms, before the reason is reported. */
const PENDING_LIMIT = 10_000;
/** The same for an address: where many sites are deployed, a manager with a slow disk takes longer than for a node. */
const NEW_LIMIT = 30_000;
/** How much of the time between two looks counts at most, in ms: while the managers have no leader, nothing can go on. */
const LOOK_LIMIT = 5_000;
/** How many failed tasks of a new service are a crash loop. */
const CRASH_LIMIT = 2;
/** How long tasks may take to stop, in ms, where their grace period is no longer. */
const STOP_LIMIT = 30_000;
/** How long tasks elsewhere must run to be sure of them, in ms. */
const SURE = 1000;
const LOG_LINES = 10;

/**
 * Waits until all wanted tasks of a service run its newest specification (healthy, where it has a health check) and the old ones are
 * gone. Returns what went wrong, or `undefined`.
 *
 * @param limit ms after which waiting ends, counted anew whenever one more task of the newest specification runs
 * @param watch shared by all who wait at the same time
 * @param changed whether this run changed the service: else an update that had failed before is no fault of it
 */
export async function converge(
  docker: Dockerode,
  serviceId: string,
  limit: number,
  signal: AbortSignal,
  watch: ServiceWatch = new ServiceWatch(docker),
  changed = true,
): Promise<Fault | undefined> {
  let [since, most] = [performance.now(), 0];
  let [seen, looked]: [Seen, number] = [new Map(), since];
  let before: ReadonlySet<string> | undefined;
  let earlier: string | undefined;
  let upSince: number | undefined;
  for (let round = 0; ; round++) {
    signal.throwIfAborted();
    const { service: found, tasks: all } = await watch.read(serviceId);
    if (round === 0 && !changed) earlier = failedUpdate(found);
    const service =
      earlier !== undefined && failedUpdate(found) === earlier ? { ...found, UpdateStatus: undefined } : found;
    const tasks = await withoutLost(service, all, watch);
    before ??= new Set(tasks.filter(hasEnded).map(({ ID }) => ID));
    const told = await tellUnhealthy(docker, tasks, before);
    const up = newTasks(service, told).filter(isRunning).length;
    const now = performance.now();
    if (up > most) [since, most] = [now, up];
    [seen, looked] = [lookAgain(seen, service, told, now - looked), now];
    const verdict = judge(service, told, seen, now - since > limit, before);
    if (verdict === "converged") {
      upSince ??= now;
      const running = newTasks(service, told).filter(isRunning);
      if (now - upSince > stopLimit(service) || (await isSure(docker, service, running, upSince))) return undefined;
      continue;
    }
    upSince = undefined;
    if (verdict !== "waiting") {
      const log = verdict.task === undefined ? [] : await taskLog(docker, verdict.task);
      const ran = verdict.task !== undefined;
      const { why, cause } = verdict;
      return { why, cause, log, ran, rolledBack: await rollbackEnds(docker, service, signal) };
    }
  }
}

/**
 * For how many ms, by this machine's clock, what has a time limit has been seen in a row. The dates that Swarm gives are by the clocks of
 * managers, which may be ahead of this one or behind.
 */
export type Seen = ReadonlyMap<string, number>;

/** What has a time limit, `ms` after the look that gave `before`. Pure. */
export function lookAgain(before: Seen, service: RawService, tasks: RawTask[], ms: number): Seen {
  const step = Math.min(ms, LOOK_LIMIT);
  const goesOn = (key: string) => (before.has(key) ? (before.get(key) ?? 0) + step : 0);
  return new Map([endOf(service), ...tasks.map(stateKey)].map((key) => [key, goesOn(key)]));
}

/** Names the state that a task is in. */
function stateKey({ ID, Status }: RawTask): string {
  return `${ID} ${Status.State}`;
}

/** Names the end of a service's update. */
function endOf({ UpdateStatus }: RawService): string {
  return `update ${UpdateStatus?.CompletedAt ?? "not complete"}`;
}

/** The tasks of a service's newest specification. */
function newTasks({ Spec }: RawService, tasks: RawTask[]): RawTask[] {
  const wanted = Spec.TaskTemplate?.ContainerSpec?.Labels?.[LABEL.template];
  return tasks.filter((task) => task.Spec.ContainerSpec?.Labels?.[LABEL.template] === wanted);
}

/** ms in which each task that is told to stop has: its grace period and some more. */
function stopLimit({ Spec }: RawService): number {
  const container = Spec.TaskTemplate?.ContainerSpec as { StopGracePeriod?: number } | undefined;
  return Math.max(STOP_LIMIT, (container?.StopGracePeriod ?? 0) / 1e6 + 10_000);
}

function isRunning({ Status, DesiredState }: RawTask): boolean {
  return Status.State === "running" && DesiredState === "running";
}

/** When an update began that came to no good end. */
function failedUpdate({ UpdateStatus }: RawService): string | undefined {
  return /^(paused|rollback_(paused|completed))$/.test(UpdateStatus?.State ?? "") ? UpdateStatus?.StartedAt : undefined;
}

/** Once an update is complete, old tasks that still run are waited for; one on a node that is lost would run for ever. */
async function withoutLost({ UpdateStatus }: RawService, tasks: RawTask[], watch: ServiceWatch): Promise<RawTask[]> {
  const stopping = (task: RawTask) => task.Status.State === "running" && task.DesiredState !== "running";
  if (UpdateStatus?.State === "updating" || !tasks.some(stopping)) return tasks;
  const lost = await watch.lostNodes();
  return tasks.filter((task) => !stopping(task) || !lost.has(task.NodeID ?? ""));
}

/** One reason, for people and for programs. */
interface Reason {
  why: string;
  cause: FaultCause;
}

type Verdict = "converged" | "waiting" | (Reason & { task: RawTask | undefined });

/** A container that is stopped because it is unhealthy may well end with code 0: its task is then `complete`. */
function hasEnded({ Status, DesiredState }: RawTask): boolean {
  return /^(failed|rejected|complete)$/.test(Status.State) && DesiredState !== "remove";
}

/**
 * What a service's tasks say about its deploy. Pure.
 *
 * @param seen for how long its tasks have been as they are
 * @param before ids of tasks that had ended before this deploy: they are no fault of it
 */
export function judge(
  service: RawService,
  tasks: RawTask[],
  seen: Seen,
  late: boolean,
  before: ReadonlySet<string> = new Set(),
): Verdict {
  const update = service.UpdateStatus?.State;
  const ended = tasks.filter((task) => hasEnded(task) && !before.has(task.ID));
  if (update !== undefined && /^(paused|rollback)/.test(update)) {
    const task = newest(ended) ?? newest(tasks.filter(hasEnded));
    if (task !== undefined) return { ...taskFault(task), task };
    return { why: service.UpdateStatus?.Message ?? update, cause: "paused", task };
  }
  const current = newTasks(service, tasks);
  // One that is stopping still answers, so it counts until it has stopped; one on a node that was just lost does not tell.
  const complete = service.UpdateStatus?.CompletedAt !== undefined;
  const settled = complete && (seen.get(endOf(service)) ?? 0) > stopLimit(service);
  const old = tasks.filter((task) => !current.includes(task) && task.Status.State === "running" && !settled);
  const replicas =
    service.Spec.Mode?.Replicated?.Replicas ??
    Math.max(1, current.filter((task) => task.DesiredState === "running").length);
  if (current.filter(isRunning).length >= replicas && old.length === 0 && update !== "updating") return "converged";
  const crashed = ended.filter((task) => current.includes(task));
  const crash = newest(crashed);
  if (update !== "updating" && crash !== undefined && crashed.length >= CRASH_LIMIT) {
    const { why, cause } = taskFault(crash);
    return { why: `${why}, ${crashed.length} times`, cause, task: crash };
  }
  const waiting = newest(current.filter(({ DesiredState }) => DesiredState === "running"));
  const waited = waiting === undefined ? 0 : (seen.get(stateKey(waiting)) ?? 0);
  if (waiting?.Status.State === "new" && waited > NEW_LIMIT) {
    return {
      why: "Swarm has no address for it: its network is exhausted, or its range meets another's",
      cause: "no-address",
      task: undefined,
    };
  }
  const pending = waiting?.Status.State === "pending" && waiting.Status.Err;
  if (pending && waited > PENDING_LIMIT)
    return {
      why: `no node can take it: ${pending}; it asks for ${asked(service)}`,
      cause: "no-node",
      task: undefined,
    };
  return late ? tooLate(crash, waiting) : "waiting";
}

/** Of a container that ended, that is the cause; the time that passed says less. */
function tooLate(crash: RawTask | undefined, waiting: RawTask | undefined): Verdict {
  const late = "it did not come up in time";
  if (crash !== undefined) {
    const { why, cause } = taskFault(crash);
    return { why: `${late}: ${why}`, cause, task: crash };
  }
  if (waiting === undefined) return { why: `${late}: it has no task`, cause: "timeout", task: undefined };
  const { State, Err } = waiting.Status;
  const why = `${late}: its newest task is ${State}${Err ? ` (${Err})` : ""}`;
  return { why, cause: "timeout", task: waiting };
}

/** What a service asks of a node, so that what is missing can be told: Swarm says only which kind of thing it is. */
function asked({ Spec }: RawService): string {
  const { Resources, Placement } = (Spec.TaskTemplate ?? {}) as {
    Resources?: { Reservations?: { MemoryBytes?: number; NanoCPUs?: number } };
    Placement?: { Constraints?: string[] };
  };
  const { MemoryBytes: memory, NanoCPUs: cpu } = Resources?.Reservations ?? {};
  const asks = [
    memory && `${formatSize(memory)} of memory`,
    cpu && `${cpu / 1e9} CPU`,
    ...(Placement?.Constraints ?? []).map((constraint) => `a node with ${constraint}`),
  ].filter(Boolean);
  return asks.length === 0 ? "no resource and no special node" : asks.join(", ");
}

/** Why a node rejected a task: it has not got the image, and no registry gives it. */
const NO_IMAGE = /no such image|pull access denied|manifest unknown|manifest for .* not found|image .* not found/i;

function taskFault({ Status }: RawTask): Reason {
  const code = Status.ContainerStatus?.ExitCode;
  const said = Status.Err ?? Status.Message ?? "";
  if (Status.State === "rejected")
    return { why: `Swarm rejected its task: ${said}`, cause: NO_IMAGE.test(said) ? "image" : "rejected" };
  if (/unhealthy/.test(Status.Err ?? "")) return { why: "its health check failed", cause: "unhealthy" };
  // Its exit code, 128, would say nothing: there was no program yet, e.g. because a volume could not be mounted.
  const unstarted = /^starting container failed: (.+)/.exec(Status.Err ?? "")?.[1];
  if (unstarted !== undefined) return { why: `its container does not start: ${unstarted}`, cause: "not-started" };
  if (code !== undefined && code !== 0) return { why: `its container exited with code ${code}`, cause: "exited" };
  if (Status.State === "complete") return { why: "its container exited by itself", cause: "exited" };
  return { why: `its task failed: ${said}`, cause: "failed" };
}

function newest(tasks: RawTask[]): RawTask | undefined {
  return tasks.toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))[0];
}

/** Swarm puts the version before back by itself; waits for that, 30 s at most. */
async function rollbackEnds(docker: Dockerode, service: RawService, signal: AbortSignal): Promise<boolean> {
  for (let round = 0; round < 100; round++) {
    const { UpdateStatus } = await get<RawService>(docker, `/services/${service.ID}`);
    if (UpdateStatus?.State === "rollback_completed") return true;
    if (UpdateStatus?.State !== "rollback_started") return false;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return false;
}

/** The last lines that a task wrote. Empty where its container is gone already. */
async function taskLog(docker: Dockerode, task: RawTask): Promise<string[]> {
  const query = { stdout: true, stderr: true, tail: LOG_LINES };
  const written = await getBytes(docker, `/tasks/${task.ID}/logs`, query).then(demultiplex, () => []);
  return [...written, ...(await healthOutput(docker, task))];
}

/**
 * Whether tasks that run by Swarm's word do. A container that is stopped for being unhealthy, and ends with code 0, counts as one that
 * runs until Swarm has heard of its end. A container here tells by itself; one elsewhere is looked at for a second.
 */
async function isSure(docker: Dockerode, { Spec }: RawService, tasks: RawTask[], since: number): Promise<boolean> {
  if (Spec.TaskTemplate?.ContainerSpec?.Healthcheck === undefined) return true;
  const states = await Promise.all(tasks.map((task) => stateOf(docker, task)));
  if (states.some((state) => state !== undefined && (!state.Running || state.Health?.Status === "unhealthy")))
    return false;
  return !states.includes(undefined) || performance.now() - since >= SURE;
}

interface ContainerState {
  Running?: boolean;
  Health?: Health;
}

interface Health {
  Status: string;
  Log?: { ExitCode: number; Output: string }[];
}

/** Known only where the task runs, or ran, on this very node. */
async function stateOf(docker: Dockerode, { Status }: RawTask): Promise<ContainerState | undefined> {
  const id = Status.ContainerStatus?.ContainerID;
  if (id === undefined || id === "") return undefined;
  type Inspected = { State?: ContainerState };
  const container = await call<Inspected>(docker, "GET", `/containers/${id}/json`).catch(() => undefined);
  return container?.State;
}

async function healthOf(docker: Dockerode, task: RawTask): Promise<Health | undefined> {
  return (await stateOf(docker, task))?.Health;
}

/** Of a task that ended with code 0 Swarm does not say whether it was stopped for being unhealthy; its container does. */
function tellUnhealthy(docker: Dockerode, tasks: RawTask[], before: ReadonlySet<string>): Promise<RawTask[]> {
  return Promise.all(
    tasks.map(async (task) => {
      if (task.Status.State !== "complete" || before.has(task.ID)) return task;
      const health = await healthOf(docker, task);
      return health?.Status === "unhealthy"
        ? { ...task, Status: { ...task.Status, Err: "unhealthy container" } }
        : task;
    }),
  );
}

/** What a failing health check said, each thing once: the last may well come of the stop, and the first of the start. */
async function healthOutput(docker: Dockerode, task: RawTask): Promise<string[]> {
  const failed = (await healthOf(docker, task))?.Log?.filter(({ ExitCode }) => ExitCode !== 0) ?? [];
  const said = failed.map(({ ExitCode, Output }) => {
    const [line = "no output"] = Output.trim().split("\n", 1).filter(Boolean);
    return `health check (exit ${ExitCode}): ${line.slice(0, 500)}`;
  });
  return [...new Set(said)];
}

/** Docker's log stream: each piece has a header of 8 bytes whose last four are its length. */
export function demultiplex(stream: Buffer): string[] {
  const pieces: string[] = [];
  for (let at = 0; at + 8 <= stream.length; ) {
    const length = stream.readUInt32BE(at + 4);
    pieces.push(stream.subarray(at + 8, at + 8 + length).toString("utf8"));
    at += 8 + length;
  }
  return pieces.join("").trimEnd().split("\n").filter(Boolean);
}
