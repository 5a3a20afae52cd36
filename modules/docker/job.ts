import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { namespaceOf } from "../names/index.ts";
import { call, get, getBytes } from "./call.ts";
import { changeObject } from "./change.ts";
import { demultiplex, type RawTask } from "./converge.ts";
import { destroyObject } from "./destroy.ts";
import { isOver } from "./read.ts";
import { ServiceWatch } from "./watch.ts";

/** One container that runs to its end, as plain data. */
export interface JobSpec {
  platform: string;
  /** The stack under which Docker shows it. */
  stack: string;
  /** The service's name; one job of a name at a time. */
  name: string;
  image: string;
  /** After the image's entry point. */
  args: string[];
  /** In place of the image's entry point. */
  command?: string[];
  env: Record<string, string>;
  hostname: string;
  /** `uid:gid`. */
  user: string;
  /** Added to none at all. */
  capabilities: string[];
  mounts: JobMount[];
  /** Each at `/run/secrets/FILE`. */
  secrets: { name: string; id: string; file: string }[];
  /** Names of networks. */
  networks: string[];
  /** Swarm's placement constraints: a job runs where its data is. */
  constraints: string[];
  /** Bytes. */
  memory: number;
  labels: Record<string, string>;
}

export type JobMount =
  | {
      kind: "volume";
      source: string;
      target: string;
      readOnly?: boolean;
      labels?: Record<string, string>;
      /** Docker puts into an empty one what the image has there. */
      filled?: true;
      /** For Docker's driver `local`, where it is no folder of the node. */
      options?: Record<string, string> | undefined;
    }
  | { kind: "bind"; source: string; target: string; readOnly?: boolean }
  | { kind: "tmpfs"; target: string; size: number };

/** How a job ended. */
export interface JobEnd {
  /** `undefined` where its container never ran. */
  code: number | undefined;
  /** What Swarm says of it where it did not end by itself, e.g. that a folder to mount is missing. */
  fault: string | undefined;
  /** What it printed after `terrace-result `, parsed. */
  result: Record<string, unknown> | undefined;
  /** The last lines that it wrote to standard error. */
  words: string[];
}

export interface JobWatch {
  signal: AbortSignal;
  /** Each line that it prints after `terrace-progress `. */
  progress(line: string): void;
}

const POLL = 250;
/** Between two looks at a job that has run for long, in ms: each costs the node where it runs a little. */
const SLOW_POLL = 1000;
/** Between two looks at what it says, in ms. */
const LISTEN = 2000;
/** How long a job may wait for a node, in ms. */
const PENDING_LIMIT = 60_000;
const STOP_LIMIT = 60_000;
/** How long the result of a job that has ended is waited for, in ms. */
const LOG_LIMIT = 30_000;
/** The same where there is hardly one. */
const LOG_LATE = 750;
/** The exit code of a program that was killed. */
const KILLED = 137;
/** Between two looks at the nodes, in ms, and how long one may be down with a job on it. */
const NODES_READ = 10_000;
const NODE_LIMIT = 60_000;
const JOB_LABEL = "terrace.job";

/** Runs a job to its end and removes it, whatever happens. One of the same name that an earlier run left is removed first. */
export async function runJob(docker: Dockerode, spec: JobSpec, watch: JobWatch): Promise<JobEnd> {
  watch.signal.throwIfAborted();
  await removeJob(docker, spec.name);
  let id: string | undefined;
  let end: JobEnd | undefined;
  try {
    ({ ID: id } = await call<{ ID: string }>(docker, "POST", "/services/create", {}, bodyOf(spec)));
    end = await watchJob(docker, id, spec, watch);
    return end;
  } finally {
    await removeJob(docker, spec.name, id).catch((error: Error) => {
      // What it did is done.
      if (end === undefined) throw error;
      watch.progress(`its job could not be removed, which the next run does: ${error.message}`);
    });
  }
}

/**
 * Removes a job and waits for its container to be gone; does nothing where there is none.
 *
 * @param only the id of its service, where one that somebody else made meanwhile is to be let be
 */
export async function removeJob(docker: Dockerode, name: string, only?: string): Promise<void> {
  const services = await get<{ ID: string; Spec: { Name: string } }[]>(docker, "/services", {
    filters: { name: [name] },
  });
  const found = services.find(({ Spec }) => Spec.Name === name);
  if (found === undefined || found.ID !== (only ?? found.ID)) return;
  await stop(docker, found.ID);
  await destroyObject(docker, { kind: "service", name, id: found.ID }, AbortSignal.timeout(STOP_LIMIT));
  const until = Date.now() + STOP_LIMIT;
  for (;;) {
    const filters = { label: [`com.docker.swarm.service.id=${found.ID}`] };
    const left = await get<object[]>(docker, "/containers/json", { all: true, filters });
    if (left.length === 0 || Date.now() > until) return;
    await sleep(POLL);
  }
}

/** With its service a task goes out of sight, while its container, on whichever node, may work on. */
async function stop(docker: Dockerode, id: string): Promise<void> {
  const until = Date.now() + STOP_LIMIT;
  for (let asked = false; Date.now() < until; await sleep(POLL)) {
    const tasks = await get<RawTask[]>(docker, "/tasks", { filters: { service: [id] } });
    if (tasks.every(({ Status }) => isOver(Status.State))) return;
    if (!asked)
      await changeObject(docker, `/services/${id}`, ({ Spec }) => ({ ...Spec, Mode: { Replicated: { Replicas: 0 } } }));
    asked = true;
  }
}

async function watchJob(docker: Dockerode, id: string, spec: JobSpec, watch: JobWatch): Promise<JobEnd> {
  const started = Date.now();
  const told = new Set<string>();
  const nodes = lostNodes(docker);
  for (let listened = started; ; ) {
    watch.signal.throwIfAborted();
    const tasks = await get<RawTask[]>(docker, "/tasks", { filters: { service: [id] } });
    const [task] = tasks.toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt));
    if (task !== undefined && isOver(task.Status.State)) {
      return endOf(docker, task, spec, watch, told);
    }
    if (await nodes.lost(task?.NodeID)) {
      return { code: undefined, fault: "the node that it runs on is down", result: undefined, words: [] };
    }
    const waiting = task === undefined || /^(new|pending)$/.test(task.Status.State);
    if (waiting && Date.now() - started > PENDING_LIMIT) {
      return {
        code: undefined,
        fault: `no node can take it: ${task?.Status.Err ?? "it got no task"}`,
        result: undefined,
        words: [],
      };
    }
    if (task?.Status.State === "running" && Date.now() - listened > LISTEN) {
      await tell(docker, task, watch, told);
      listened = Date.now();
    }
    const ago = Math.max(0, Date.now() - started);
    await sleep(Math.min(SLOW_POLL, POLL + ago / 20), undefined, { signal: watch.signal });
  }
}

/** Whether a node has been down for a while. Its task says that it runs for as long as the node does not come back: hours, or for ever. */
function lostNodes(docker: Dockerode): { lost(node: string | undefined): Promise<boolean> } {
  const watch = new ServiceWatch(docker);
  let [read, since] = [performance.now(), undefined as number | undefined];
  return {
    async lost(node) {
      const now = performance.now();
      if (node === undefined || now - read < NODES_READ) return false;
      read = now;
      if (!(await watch.lostNodes()).has(node)) since = undefined;
      else since ??= now;
      return since !== undefined && now - since > NODE_LIMIT;
    },
  };
}

async function endOf(
  docker: Dockerode,
  task: RawTask,
  spec: JobSpec,
  watch: JobWatch,
  told: Set<string>,
): Promise<JobEnd> {
  const { State, Err, ContainerStatus } = task.Status;
  const ran = ContainerStatus?.ContainerID !== undefined && ContainerStatus.ContainerID !== "" && State !== "rejected";
  const code = ran ? (ContainerStatus?.ExitCode ?? 0) : undefined;
  let lines: string[] = [];
  // The log of a task that has just ended can be late, and a node that has just come back has none for a while. A job that was
  // killed has said nothing, and a program of the image's own never does.
  const until = Date.now() + (spec.command === undefined && code !== KILLED ? LOG_LIMIT : LOG_LATE);
  while (ran) {
    lines = await log(docker, task, { stdout: true, stderr: false, tail: "200" });
    if (lines.some((line) => resultOf(line) !== undefined) || Date.now() > until) break;
    await sleep(POLL, undefined, { signal: watch.signal });
  }
  const words = ran ? await log(docker, task, { stdout: false, stderr: true, tail: "30" }) : [];
  for (const line of lines) if (line.startsWith(PROGRESS)) tellOnce(line, watch, told);
  const result = lines.map(resultOf).findLast((each) => each !== undefined);
  return { code, fault: State === "complete" ? undefined : Err, result, words };
}

/** A line that was cut off is none. */
function resultOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith(RESULT)) return undefined;
  try {
    return JSON.parse(line.slice(RESULT.length)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const RESULT = "terrace-result ";
const PROGRESS = "terrace-progress ";

async function tell(docker: Dockerode, task: RawTask, watch: JobWatch, told: Set<string>): Promise<void> {
  for (const line of await log(docker, task, { stdout: true, stderr: false, tail: "20" })) {
    if (line.startsWith(PROGRESS)) tellOnce(line, watch, told);
  }
}

function tellOnce(line: string, { progress }: JobWatch, told: Set<string>): void {
  const text = line.slice(PROGRESS.length);
  if (!told.has(text)) progress(text);
  told.add(text);
}

function log(docker: Dockerode, task: RawTask, query: Record<string, string | boolean>): Promise<string[]> {
  return getBytes(docker, `/tasks/${task.ID}/logs`, query).then(demultiplex, () => []);
}

function bodyOf(spec: JobSpec): object {
  const { platform, stack, name, image, memory } = spec;
  const owner = { [LABEL.platform]: platform, [LABEL.namespace]: namespaceOf(platform, stack) };
  return {
    Name: name,
    Labels: { ...owner, [JOB_LABEL]: name, ...spec.labels },
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        Command: spec.command,
        Args: spec.args,
        Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
        Hostname: spec.hostname,
        Labels: owner,
        User: spec.user,
        ReadOnly: true,
        Init: true,
        CapabilityDrop: ["ALL"],
        CapabilityAdd: spec.capabilities,
        Mounts: spec.mounts.map(mountOf),
        Secrets: spec.secrets.map(({ name: SecretName, id: SecretID, file }) => ({
          SecretName,
          SecretID,
          File: { Name: file, UID: spec.user.split(":")[0], GID: spec.user.split(":")[1], Mode: 0o400 },
        })),
        StopGracePeriod: 30_000_000_000,
      },
      Networks: spec.networks.map((Target) => ({ Target })),
      Placement: { Constraints: spec.constraints },
      Resources: { Limits: { MemoryBytes: memory, Pids: 256 } },
      RestartPolicy: { Condition: "none", MaxAttempts: 0 },
      LogDriver: { Name: "json-file", Options: { "max-size": "10m", "max-file": "2" } },
    },
    Mode: { Replicated: { Replicas: 1 } },
  };
}

function mountOf(mount: JobMount): object {
  if (mount.kind === "tmpfs") {
    return { Type: "tmpfs", Target: mount.target, TmpfsOptions: { SizeBytes: mount.size, Mode: 0o1777 } };
  }
  const { source: Source, target: Target, readOnly: ReadOnly = false } = mount;
  if (mount.kind === "bind") return { Type: "bind", Source, Target, ReadOnly };
  const DriverConfig = mount.options && { Name: "local", Options: mount.options };
  const VolumeOptions = { NoCopy: mount.filled !== true, Labels: mount.labels ?? {}, DriverConfig };
  return { Type: "volume", Source, Target, ReadOnly, VolumeOptions };
}
