import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { call, changeObject, destroyObject, get, isBroken, type RawContent } from "../docker/index.ts";
import { objectName } from "../names/index.ts";
import { formatDuration } from "../units/index.ts";
import { ALL, BACKUPS, conflicts } from "./lock-scopes.ts";

/** Who holds a lock, as others see it. */
export interface LockHolder {
  /** `all`, or the stack that is locked, e.g. `site-finance`. */
  scope: string;
  user: string;
  host: string;
  /** Process on that host. */
  pid: number;
  /** Where that number counts; `undefined` where it is not known. */
  space?: string;
  /** The command, e.g. `up finance`. */
  reason: string;
  /** ISO 8601. */
  since: string;
}

export interface LockRequest {
  docker: Dockerode;
  platform: string;
  /** Stacks to lock; `["all"]` for everything at once. */
  scopes: string[];
  reason: string;
  /** Give up at once where somebody holds it. */
  noWait: boolean;
  /** Give up after waiting for so many ms; absent: wait as long as it takes. */
  limit?: number | undefined;
  signal: AbortSignal;
  report(line: string): void;
  /** Told again and again, about twice a second, for whom this run waits and for how many ms by now; absent: `report` once. */
  waiting?: ((holder: LockHolder, ms: number) => void) | undefined;
}

export interface Lock {
  /** Whether somebody else held it first: what was planned before may be done by now. */
  waited: boolean;
  /** Ends where the lock was taken away, e.g. because this process was stopped for longer than the lease. */
  lost: AbortSignal;
  release(): Promise<void>;
}

/** A holder that has not renewed its lock for this long is gone, in ms. Watched by one's own clock: clocks of hosts differ. */
const LEASE = 30_000;
const HEARTBEAT = 8_000;
/** How long a lock is watched for a sign of life, in ms. */
const WATCHED = 2 * HEARTBEAT + 2_000;
const POLL = 500;
/** How much of the time between two looks at a lock counts at most, in ms: while the managers have no leader, nobody can renew. */
const LOOK_LIMIT = 4 * POLL;
const SCOPE = LABEL.lock;
const HOLDER = "terrace.lock.holder";
const BEAT = "terrace.lock.beat";

/**
 * Takes locks of a platform, waiting for whoever holds them. A lock is a Swarm config: its name is unique, so creating it is
 * atomic, and its labels tell who holds it. It is renewed while held; one that is not renewed is taken over.
 *
 * @throws TerraceError `TERRACE_LOCKED` where it is held and `noWait` is set, or held for longer than `limit`
 */
export async function acquireLock(request: LockRequest): Promise<Lock> {
  const held: Kept[] = [];
  const wait = new Waiting(request);
  let waited = false;
  const release = async () => void (await Promise.all(held.map((each) => each.release())));
  try {
    // In one order for everybody, so that two who want the same ones never wait for each other.
    for (const scope of [...request.scopes].sort()) {
      // Those that are held already are renewed, and may be lost, while the next one is waited for.
      const signal = AbortSignal.any([request.signal, ...held.map(({ lost }) => lost)]);
      const { id, hadToWait } = await acquire({ ...request, signal }, scope, wait);
      held.push(keep(request, id));
      waited ||= hadToWait;
    }
  } catch (error) {
    const lost = held.find((each) => each.lost.aborted)?.lost.reason;
    await release();
    throw lost ?? error;
  }
  return { waited, lost: AbortSignal.any(held.map(({ lost }) => lost)), release };
}

/** All locks of a platform that exist now. */
export async function listLocks(docker: Dockerode, platform: string): Promise<ListedLock[]> {
  return (await readLocks(docker, platform)).map((lock) => ({
    ...holderOf(lock.Spec.Labels),
    id: lock.ID,
    renewed: lock.UpdatedAt,
    gone: isDead(lock),
  }));
}

export interface ListedLock extends LockHolder {
  id: string;
  /** ISO 8601, by the clock of a manager; `undefined` where the engine does not say. */
  renewed: string | undefined;
  /** Its process has ended; known only where that was on this host. */
  gone: boolean;
}

/** Removes locks whose holder has ended on this host without releasing them; returns the scopes of those that are left. */
export async function sweepLocks(docker: Dockerode, platform: string): Promise<string[]> {
  const locks = await readLocks(docker, platform);
  for (const lock of locks.filter(isDead)) await drop(docker, lock.ID);
  return locks.filter((lock) => !isDead(lock)).map(({ Spec }) => Spec.Labels?.[SCOPE] ?? "");
}

/**
 * Whether a lock's holder renews it: watches it for longer than two renewals take, for one may be late on a busy engine. `undefined`
 * where the lock is given back meanwhile.
 */
export async function isRenewed(docker: Dockerode, platform: string, id: string): Promise<boolean | undefined> {
  const beat = async () => (await readLocks(docker, platform)).find(({ ID }) => ID === id)?.Spec.Labels?.[BEAT];
  const first = await beat();
  for (let [silent, at] = [0, performance.now()]; ; await sleep(POLL)) {
    const now = await beat();
    if (now === undefined) return undefined;
    if (now !== first) return true;
    silent += sinceLook(at);
    at = performance.now();
    if (silent > WATCHED) return false;
  }
}

/** Takes a lock away from its holder, who notices at the next renewal and stops. */
export async function breakLock(docker: Dockerode, id: string): Promise<void> {
  await drop(docker, id);
}

/** Locks by id: the version that was seen last, when that was, and for how many ms it has been the same. */
type Watched = Map<string, { version: number; at: number; silent: number }>;

async function acquire(
  request: LockRequest,
  scope: string,
  wait: Waiting,
): Promise<{ id: string; hadToWait: boolean }> {
  const watched: Watched = new Map();
  const holder = self(request.reason);
  for (let hadToWait = false; ; hadToWait = true) {
    request.signal.throwIfAborted();
    const id = await create(request, scope, holder);
    const others = await othersOf(request, scope, id);
    const blocking = id === undefined || others.length > 0;
    if (!blocking) return { id, hadToWait };
    // Whoever wants everything keeps its place, so that small deploys can't starve it; the others step back.
    const keeps = id !== undefined && (scope === ALL || scope === BACKUPS) && !request.noWait;
    if (id !== undefined && !keeps) await drop(request.docker, id);
    if (keeps) {
      await othersGone(request, scope, id, wait, watched);
      return { id, hadToWait: true };
    }
    wait.tell(others);
    for (const other of others) if (isGone(other, watched)) await takeOver(request, other);
    await sleep(POLL, undefined, { signal: request.signal });
  }
}

/** Waits, holding the lock on everything, until those who were there first are done. */
async function othersGone(
  request: LockRequest,
  scope: string,
  id: string,
  wait: Waiting,
  watched: Watched,
): Promise<void> {
  const { lost, stop } = keep(request, id);
  try {
    for (;;) {
      request.signal.throwIfAborted();
      lost.throwIfAborted();
      const others = await othersOf(request, scope, id);
      if (others.length === 0) return;
      wait.tell(others);
      for (const other of others) if (isGone(other, watched)) await takeOver(request, other);
      await sleep(POLL, undefined, { signal: request.signal });
    }
  } catch (error) {
    await drop(request.docker, id);
    throw error;
  } finally {
    stop();
  }
}

/** The locks of others that stand in the way of one on `scope`. */
async function othersOf(
  { docker, platform }: LockRequest,
  scope: string,
  id: string | undefined,
): Promise<RawContent[]> {
  const locks = await readLocks(docker, platform);
  return locks.filter(({ ID, Spec }) => ID !== id && conflicts(scope, Spec.Labels?.[SCOPE] ?? ""));
}

/** For whom a run waits, and since when: tells it, and gives up in time. */
class Waiting {
  readonly #request: LockRequest;
  #since: number | undefined;
  #told = "";

  constructor(request: LockRequest) {
    this.#request = request;
  }

  /** @throws TerraceError `TERRACE_LOCKED` where the run is not to wait, or no longer */
  tell([first]: RawContent[]): void {
    if (first === undefined) return;
    const { noWait, limit = Number.POSITIVE_INFINITY, report, waiting } = this.#request;
    const holder = holderOf(first.Spec.Labels);
    this.#since ??= Date.now();
    const waited = Date.now() - this.#since;
    if (noWait) throw lockedError(holder);
    if (waited >= limit) throw lockedError(holder, limit);
    if (waiting !== undefined) waiting(holder, waited);
    else if (this.#told !== first.ID) report(`waiting for ${describeHolder(holder)}`);
    this.#told = first.ID;
  }
}

async function create(request: LockRequest, scope: string, holder: string): Promise<string | undefined> {
  const { docker, platform } = request;
  const body = {
    Name: objectName(platform, "lock", scope),
    Data: Buffer.from("lock").toString("base64"),
    Labels: { [LABEL.platform]: platform, [SCOPE]: scope, [HOLDER]: holder, [BEAT]: "0" },
  };
  try {
    return (await call<{ ID: string }>(docker, "POST", "/configs/create", {}, body)).ID;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 409 && !isBroken(error)) throw error;
    // An answer that was lost may have been a yes: then the lock is there, and it is ours.
    return (await readLocks(docker, platform)).find(
      ({ Spec }) => Spec.Labels?.[HOLDER] === holder && Spec.Labels[SCOPE] === scope,
    )?.ID;
  }
}

/** Who this run is; no two runs say the same. */
function self(reason: string): string {
  const { username: user } = userInfo();
  return JSON.stringify({
    user,
    host: hostname(),
    pid: process.pid,
    space: pidSpace(),
    reason,
    since: new Date().toISOString(),
    run: randomUUID(),
  });
}

function readLocks(docker: Dockerode, platform: string): Promise<RawContent[]> {
  return get<RawContent[] | null>(docker, "/configs", {
    filters: { label: [`${LABEL.platform}=${platform}`, SCOPE] },
  }).then((locks) => locks ?? []);
}

function holderOf(labels: Record<string, string> = {}): LockHolder {
  const unknown = { user: "unknown", host: "unknown", pid: 0, reason: "unknown", since: "" };
  try {
    return { ...unknown, ...JSON.parse(labels[HOLDER] ?? "{}"), scope: labels[SCOPE] ?? "" };
  } catch {
    return { ...unknown, scope: labels[SCOPE] ?? "" };
  }
}

/** Gone: its process has ended on this very host, or nobody renewed it for a whole lease in which that could be done. */
function isGone(lock: RawContent, watched: Watched): boolean {
  if (isDead(lock)) return true;
  const seen = watched.get(lock.ID);
  const version = lock.Version.Index;
  const silent = seen?.version === version ? seen.silent + sinceLook(seen.at) : 0;
  watched.set(lock.ID, { version, at: performance.now(), silent });
  return silent > LEASE;
}

/** How many ms since the last look, which was `at`, count as silence of the holder. */
function sinceLook(at: number): number {
  return Math.min(performance.now() - at, LOOK_LIMIT);
}

function isDead(lock: RawContent): boolean {
  const { host, pid, space } = holderOf(lock.Spec.Labels);
  return host === hostname() && space === pidSpace() && pid > 0 && !isAlive(pid);
}

/** Where this process's number counts, on Linux: machines may have one name, and containers have processes of their own. */
function pidSpace(): string | undefined {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function takeOver({ docker, report }: LockRequest, lock: RawContent): Promise<void> {
  report(`the holder is gone; taking over from ${describeHolder(holderOf(lock.Spec.Labels))}`);
  await drop(docker, lock.ID);
}

/** One lock that is renewed. */
interface Kept {
  lost: AbortSignal;
  /** Ends the renewal, and leaves the lock. */
  stop(): void;
  /** Ends the renewal and takes the lock away. */
  release(): Promise<void>;
}

/** Renews a lock until it is released. */
function keep({ docker, report }: LockRequest, id: string): Kept {
  const lost = new AbortController();
  let busy = false;
  const timer = setInterval(async () => {
    // A daemon that is away answers late: a second renewal beside the first would only be in its way.
    if (busy) return;
    busy = true;
    // A daemon that does not answer takes no lock away; only a lock that is gone, or somebody else's, is lost.
    await renew(docker, id).catch((error) => isSilent(error) || lost.abort(lostError(error)));
    busy = false;
  }, HEARTBEAT);
  timer.unref();
  const stop = () => clearInterval(timer);
  const release = async () => {
    stop();
    await drop(docker, id).catch((error) => {
      // Not worth hiding what the run came to: nobody renews it any more.
      if (!isSilent(error)) throw error;
      report("Docker Engine does not answer: the lock is left, and counts for nothing half a minute from now");
    });
  };
  return { lost: lost.signal, stop, release };
}

/** Whether nothing was said of the lock: nobody answers, or the managers have no leader. */
function isSilent(error: unknown): boolean {
  return isBroken(error) || (error instanceof TerraceError && error.code === "TERRACE_POOL_NO_QUORUM");
}

async function renew(docker: Dockerode, id: string): Promise<void> {
  // Managers that change who leads may have done it and lost the answer: what they have is read anew then.
  await changeObject<RawContent>(docker, `/configs/${id}`, ({ Spec }) => {
    return { ...Spec, Labels: { ...Spec.Labels, [BEAT]: String(Number(Spec.Labels?.[BEAT] ?? 0) + 1) } };
  });
}

function drop(docker: Dockerode, id: string): Promise<void> {
  return destroyObject(docker, { kind: "config", name: "lock", id }, AbortSignal.timeout(LEASE));
}

/** `up finance by root on vm (process 812), since 2026-11-23 18:00:12 UTC` */
export function describeHolder({ user, host, pid, reason, since }: LockHolder): string {
  return `\`${reason}\` by ${user} on ${host} (process ${pid}), since ${since.slice(0, 19).replace("T", " ")} UTC`;
}

function lockedError(holder: LockHolder, waited?: number): TerraceError {
  const what = `${[ALL, BACKUPS].includes(holder.scope) ? "the platform" : holder.scope} is being changed by somebody else`;
  const since = waited === undefined ? "" : `; it was waited for ${formatDuration(waited)}`;
  const longer = waited === undefined ? "leave --no-wait out" : "give a longer --wait";
  return new TerraceError("TERRACE_LOCKED", what, {
    why: `${describeHolder(holder)}${since}`,
    next: `wait and run this again, or ${longer}; \`terrace lock\` shows all locks`,
  });
}

function lostError(cause: unknown): TerraceError {
  return new TerraceError("TERRACE_LOCK_LOST", "the lock of this run was taken away", {
    why: cause instanceof Error ? cause.message : String(cause),
    next: "see `terrace lock`, then run this again: it goes on where it stopped",
    cause,
  });
}
