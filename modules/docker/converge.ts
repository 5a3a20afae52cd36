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

/** Why a service did not come up as it was wanted. */
export interface Fault {
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
/** How many failed tasks of a new service are a crash loop. */
const CRASH_LIMIT = 2;
/** How long tasks of the version before may take to stop once the update is complete, in ms: above any grace period. */
const STOP_LIMIT = 30_000;
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
  let [since, most] = [Date.now(), 0];
  let before: ReadonlySet<string> | undefined;
  let earlier: string | undefined;
  for (let round = 0; ; round++) {
    signal.throwIfAborted();
    const { service: seen, tasks: all } = await watch.read(serviceId);
    if (round === 0 && !changed) earlier = failedUpdate(seen);
    const service =
      earlier !== undefined && failedUpdate(seen) === earlier ? { ...seen, UpdateStatus: undefined } : seen;
    const tasks = await withoutLost(service, all, watch);
    before ??= new Set(tasks.filter(hasEnded).map(({ ID }) => ID));
    const told = await tellUnhealthy(docker, tasks, before);
    const up = newTasks(service, told).filter(isRunning).length;
    if (up > most) [since, most] = [Date.now(), up];
    const verdict = judge(service, told, Date.now(), Date.now() - since > limit, before);
    if (verdict === "converged") return undefined;
    if (verdict !== "waiting") {
      const log = verdict.task === undefined ? [] : await taskLog(docker, verdict.task);
      const ran = verdict.task !== undefined;
      return { why: verdict.why, log, ran, rolledBack: await rollbackEnds(docker, service, signal) };
    }
  }
}

/** The tasks of a service's newest specification. */
function newTasks({ Spec }: RawService, tasks: RawTask[]): RawTask[] {
  const wanted = Spec.TaskTemplate?.ContainerSpec?.Labels?.[LABEL.template];
  return tasks.filter((task) => task.Spec.ContainerSpec?.Labels?.[LABEL.template] === wanted);
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

type Verdict = "converged" | "waiting" | { why: string; task: RawTask | undefined };

/** A container that is stopped because it is unhealthy may well end with code 0: its task is then `complete`. */
function hasEnded({ Status, DesiredState }: RawTask): boolean {
  return /^(failed|rejected|complete)$/.test(Status.State) && DesiredState !== "remove";
}

/**
 * What a service's tasks say about its deploy. Pure.
 *
 * @param before ids of tasks that had ended before this deploy: they are no fault of it
 */
export function judge(
  service: RawService,
  tasks: RawTask[],
  now: number,
  late: boolean,
  before: ReadonlySet<string> = new Set(),
): Verdict {
  const update = service.UpdateStatus?.State;
  const ended = tasks.filter((task) => hasEnded(task) && !before.has(task.ID));
  if (update !== undefined && /^(paused|rollback)/.test(update)) {
    const task = newest(ended) ?? newest(tasks.filter(hasEnded));
    return { why: task === undefined ? (service.UpdateStatus?.Message ?? update) : taskFault(task), task };
  }
  const current = newTasks(service, tasks);
  // One that is stopping still answers, so it counts until it has stopped; one on a node that was just lost does not tell.
  const settled = now - Date.parse(service.UpdateStatus?.CompletedAt ?? "") > STOP_LIMIT;
  const old = tasks.filter((task) => !current.includes(task) && task.Status.State === "running" && !settled);
  const replicas =
    service.Spec.Mode?.Replicated?.Replicas ??
    Math.max(1, current.filter((task) => task.DesiredState === "running").length);
  if (current.filter(isRunning).length >= replicas && old.length === 0 && update !== "updating") return "converged";
  const crashed = ended.filter((task) => current.includes(task));
  if (update !== "updating" && crashed.length >= CRASH_LIMIT) {
    const task = newest(crashed);
    return { why: task === undefined ? "its tasks fail" : `${taskFault(task)}, ${crashed.length} times`, task };
  }
  const waiting = newest(current.filter(({ DesiredState }) => DesiredState === "running"));
  if (waiting?.Status.State === "new" && now - Date.parse(waiting.CreatedAt) > PENDING_LIMIT) {
    return {
      why: "Swarm has no address for it: its network is exhausted, or its range meets another's",
      task: undefined,
    };
  }
  const pending = waiting?.Status.State === "pending" && waiting.Status.Err;
  if (pending && now - Date.parse(waiting.CreatedAt) > PENDING_LIMIT)
    return { why: `no node can take it: ${pending}; it asks for ${asked(service)}`, task: undefined };
  if (!late) return "waiting";
  const crash = newest(crashed);
  if (crash !== undefined) return { why: `it did not come up in time: ${taskFault(crash)}`, task: crash };
  if (waiting === undefined) return { why: "it did not come up in time: it has no task", task: undefined };
  const { State, Err } = waiting.Status;
  return { why: `it did not come up in time: its newest task is ${State}${Err ? ` (${Err})` : ""}`, task: waiting };
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

function taskFault({ Status }: RawTask): string {
  const code = Status.ContainerStatus?.ExitCode;
  if (Status.State === "rejected") return `Swarm rejected its task: ${Status.Err ?? Status.Message}`;
  if (/unhealthy/.test(Status.Err ?? "")) return "its health check failed";
  // Its exit code, 128, would say nothing: there was no program yet, e.g. because a volume could not be mounted.
  const unstarted = /^starting container failed: (.+)/.exec(Status.Err ?? "")?.[1];
  if (unstarted !== undefined) return `its container does not start: ${unstarted}`;
  if (code !== undefined && code !== 0) return `its container exited with code ${code}`;
  if (Status.State === "complete") return "its container exited by itself";
  return `its task failed: ${Status.Err ?? Status.Message}`;
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

interface Health {
  Status: string;
  Log?: { ExitCode: number; Output: string }[];
}

/** Known only where the task runs, or ran, on this very node. */
async function healthOf(docker: Dockerode, { Status }: RawTask): Promise<Health | undefined> {
  const id = Status.ContainerStatus?.ContainerID;
  if (id === undefined || id === "") return undefined;
  type Inspected = { State?: { Health?: Health } };
  const container = await call<Inspected>(docker, "GET", `/containers/${id}/json`).catch(() => undefined);
  return container?.State?.Health;
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
