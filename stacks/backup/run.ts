import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import type Dockerode from "dockerode";
import {
  addRun,
  type BackupEntry,
  type BackupHistory,
  type BackupList,
  type BackupRun,
  backupJob,
  type FollowingAction,
  foreignUntil,
  hasData,
  hasRepository,
  isFollowingDue,
  JOB_ACTION,
  type JobContext,
  jobFault,
  jobName,
  judgeBackup,
  killedProof,
  killedRun,
  type LiveSite,
  lastBackup,
  littleIn,
  type Proving,
  repositoryJob,
  retentionJob,
  type Target,
  targetText,
  type Verdict,
} from "../../modules/backup/index.ts";
import type { TerraceError } from "../../modules/core/errors.ts";
import { type JobEnd, type JobSpec, removeJob, runJob } from "../../modules/docker/index.ts";
import { withLock } from "../../modules/engine/index.ts";
import {
  emptyHistory,
  readBackups,
  readKeys,
  readLiveSite,
  requireEntry,
  requireList,
  serviceNamed,
  writeHistory,
} from "./cluster.ts";
import { proofOf, removeProof } from "./proof.ts";
import { clearContent, clearFiles, contentVolume, placeOf, removeVolumes } from "./volumes.ts";

/** What all work on backups needs. */
export interface BackupContext {
  docker: Dockerode;
  platform: string;
  signal: AbortSignal;
  /** The command, as others see it while they wait. */
  reason: string;
  noWait: boolean;
  /** Wait so many ms for it at most; absent: as long as it takes. */
  limit?: number;
  /** One line for people. */
  report(line: string): void;
}

/** One site's repository while this run alone works on it. */
export interface RepositorySession extends JobContext {
  context: BackupContext;
  list: BackupList;
  live: LiveSite;
  history: BackupHistory;
  /** Whether a killed run had left its job, or its proof. */
  cleared: boolean;
}

/** The same of a site that is backed up: what its file says of it, too. */
export interface Session extends RepositorySession {
  entry: BackupEntry;
}

/** Takes a site's backups for this run alone, reads all that is known of them, and clears what a killed run left. */
export function withSite<T>(context: BackupContext, site: string, work: (session: Session) => Promise<T>): Promise<T> {
  return withRepository(context, site, (list) => requireEntry(list, site), work);
}

/** The same for a site that may be backed up no longer, and still has what was stored: `entryOf` says what is needed of the list. */
export function withRepository<E extends RepositorySession["entry"], T>(
  context: BackupContext,
  site: string,
  entryOf: (list: BackupList) => E,
  work: (session: RepositorySession & { entry: E }) => Promise<T>,
): Promise<T> {
  const { docker, platform, reason, noWait, limit, report } = context;
  const scopes = [`backup-${site}`];
  const lock = { docker, platform, scopes, reason, noWait, limit, signal: context.signal, report };
  return withLock(lock, async (signal) => {
    const [state, keys, live] = await Promise.all([
      readBackups(docker, platform),
      readKeys(docker, platform),
      readLiveSite(docker, platform, site),
    ]);
    const list = requireList(state, platform);
    const entry = entryOf(list);
    const bound = live.constraints.length > 0 ? live.constraints : (live.database?.constraints ?? []);
    const constraints = bound.length > 0 ? bound : await placeOf(docker, list);
    const known = state.histories.get(site)?.history;
    const history = known ?? emptyHistory(site, new Date());
    const session = {
      context: { ...context, signal },
      list,
      entry,
      live,
      history,
      constraints,
      cleared: false,
      ...keys,
    };
    await clearKilled(session, known);
    return work(session);
  });
}

/**
 * Removes what a run left that was killed, and remembers that: whoever watched its job is gone, for this run has the lock now. A
 * site's history begins with the first look at it.
 */
async function clearKilled(session: RepositorySession, known: BackupHistory | undefined): Promise<void> {
  const { context, entry } = session;
  const { docker, platform, report } = context;
  const { site } = entry;
  const left = await serviceNamed(docker, jobName(platform, site));
  if (left !== undefined) {
    report(`${site}: remove the job of a run that was killed`);
    await removeJob(docker, jobName(platform, site));
    await clearContent(docker, platform, site);
    const killed = killedRun(left.Spec.Labels?.[JOB_ACTION], left.CreatedAt, new Date());
    if (killed !== undefined) session.history = addRun(session.history, killed);
  }
  await clearFiles(docker, platform, site).catch((error: Error) =>
    report(`${site}: what a killed restore of files left could not be removed: ${error.message}`),
  );
  const proof = session.history.proving;
  if (proof !== undefined) await clearProof(session, proof);
  session.cleared = left !== undefined || (proof !== undefined && session.history.proving === undefined);
  if (session.history !== known) await writeHistory(docker, platform, session.history);
}

/** What cannot be removed just now keeps its note, and keeps nobody from a backup. */
async function clearProof(session: RepositorySession, left: Proving): Promise<void> {
  const { report, platform } = session.context;
  const { site } = session.entry;
  report(`${site}: remove what a proof left that was killed`);
  try {
    await removeProof(session, proofOf(platform, site, left));
  } catch (error) {
    report(`${site}: it could not be removed: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const { proving: _over, ...history } = session.history;
  session.history = left.told ? history : addRun(history, killedProof(left, new Date()));
}

/** A backup of one site, and where it is good what follows it: a copy, and the removal of what is kept no longer. */
export async function backupSite(context: BackupContext, site: string, accept = false): Promise<BackupRun[]> {
  return withSite(context, site, async (session) => {
    const runs = [await backup(session, { accept })];
    if (runs[0]?.ok === true) {
      if (session.list.copy !== undefined) runs.push(await recorded(session, "copy", () => copy(session)));
      runs.push(await recorded(session, "retention", () => retain(session)));
    }
    return runs;
  });
}

/**
 * Does one thing and adds how it went to the history, also where it fails.
 *
 * @param about what is known of it before
 */
export async function recorded(
  session: Session,
  action: BackupRun["action"],
  work: () => Promise<Partial<BackupRun> & { fault?: Verdict | undefined }>,
  about: Partial<BackupRun> = {},
): Promise<BackupRun> {
  const { context, entry } = session;
  const began = new Date().toISOString();
  context.report(`${entry.site}: ${action}`);
  const { fault, ...found } = await work().catch((error: TerraceError) => {
    if (context.signal.aborted) {
      return { fault: { reason: "killed", says: "it was stopped before the end" } satisfies Verdict };
    }
    const read = error.code === "TERRACE_REPOSITORY" ? (error.reason as Verdict["reason"] | undefined) : undefined;
    return { fault: { reason: read ?? "failed", says: error.message } satisfies Verdict };
  });
  const ended = new Date().toISOString();
  // Who has lost the site's lock has no say in its history any more.
  if (session.context.signal.reason?.code === "TERRACE_LOCK_LOST") throw session.context.signal.reason;
  const failed = fault === undefined ? {} : { reason: fault.reason, says: fault.says };
  const run: BackupRun = { action, began, ended, ok: fault === undefined, ...about, ...found, ...failed };
  session.history = addRun(session.history, run);
  await writeHistory(context.docker, context.platform, session.history);
  return run;
}

export function backup(
  session: Session,
  { accept = false, safety = false }: { accept?: boolean; safety?: true | false },
): Promise<BackupRun> {
  const { entry, live, list } = session;
  return recorded(session, "backup", async () => {
    const began = new Date();
    const id = backupId(began);
    const content = await contentVolume(session);
    try {
      const place = targetText(list.repository);
      const first = !hasRepository(session.history, place);
      const foreign = accept || safety ? undefined : foreignUntil(entry, session.history);
      const spec = backupJob(session, { backup: id, live, first, content, safety, foreignUntil: foreign });
      const { result, fault } = await job(session, spec, list.repository, first);
      const made = {
        backup: id,
        place,
        ...(safety ? { safety } : {}),
        ...(accept && !safety ? { accepted: accept } : {}),
      };
      if (fault !== undefined) return { ...made, fault };
      const verdict = judged(session, result, accept, began);
      if (verdict.fault !== undefined) await markFailed(session, id);
      return { ...made, ...verdict };
    } finally {
      if (content !== undefined) await removeVolumes(session, [content]);
    }
  });
}

/** So that it is not what is restored, or proven, next. */
async function markFailed(session: Session, id: string): Promise<void> {
  const { fault } = await job(
    session,
    repositoryJob("mark", session, { env: { BACKUP: id } }),
    session.list.repository,
  );
  if (fault !== undefined)
    session.context.report(`${session.entry.site}: ${id} could not be marked as failed: ${fault.says}`);
}

/** What a backup holds, and whether that is enough to rely on. */
function judged({ entry, history }: Session, result: Record<string, unknown>, accept: boolean, now: Date) {
  const dump = result.database as { bytes: number; tables: Record<string, number> } | null;
  const bytes = Number(result.bytes) + (dump?.bytes ?? 0);
  const [files, added] = [Number(result.files), Number(result.added)];
  const held = { bytes, files, dump: dump?.bytes };
  const before = lastBackup(history);
  const fault = judgeBackup(entry, held, { before, age: now.getTime() - Date.parse(history.since), accept });
  const young = fault === undefined && !accept && hasData(entry) && littleIn(entry, held) !== undefined;
  const tables = dump === null ? {} : { tables: dump.tables };
  return { bytes, files, added, ...tables, ...(young && !before?.accepted ? { young } : {}), fault };
}

async function retain(session: Session): Promise<{ fault?: Verdict | undefined }> {
  return { fault: (await job(session, retentionJob(session, session.entry.keep), session.list.repository)).fault };
}

async function copy(session: Session): Promise<Partial<BackupRun> & { fault?: Verdict | undefined }> {
  const { copy: target } = session.list;
  if (target === undefined) return {};
  const place = targetText(target);
  const COPY_FIRST = hasRepository(session.history, place, "copy") ? "no" : "yes";
  return {
    place,
    fault: (await job(session, repositoryJob("copy", session, { env: { COPY_FIRST } }), target, true)).fault,
  };
}

/** What follows a backup, where that did not happen or failed; nothing where somebody has done it meanwhile. */
export function followBackup(context: BackupContext, site: string, action: FollowingAction): Promise<BackupRun[]> {
  return withSite(context, site, async (session) => {
    const work = { copy, retention: retain }[action];
    if (!isFollowingDue(session.list, action, session.history, new Date())) return [];
    return [await recorded(session, action, () => work(session))];
  });
}

/** Runs a job on a site's repository. A local folder that is not there yet is made, where `create` is set. */
export async function job(
  session: RepositorySession,
  spec: JobSpec,
  target: Target | undefined,
  create = false,
): Promise<{ result: Record<string, unknown>; fault: Verdict | undefined }> {
  const { context, entry } = session;
  const watch = { signal: context.signal, progress: (line: string) => context.report(`${entry.site}: ${line}`) };
  let end: JobEnd = await runJob(context.docker, spec, watch);
  if (create && target?.kind === "local" && /bind source path does not exist/.test(end.fault ?? "")) {
    const { code, fault, words } = await runJob(context.docker, folderJob(spec, target.path), watch);
    if (code !== 0 || fault !== undefined) {
      const why = fault ?? words.at(-1) ?? `mkdir ended with ${code}`;
      return {
        result: {},
        fault: { reason: "unreachable", says: `the repository's folder could not be made: ${why}` },
      };
    }
    end = await runJob(context.docker, spec, watch);
  }
  return { result: end.result ?? {}, fault: jobFault(end) };
}

/** Swarm mounts no folder that is not there, so one job makes it: on the node, with nothing but the folder above all mounted. */
function folderJob(spec: JobSpec, path: string): JobSpec {
  return {
    ...spec,
    command: ["/bin/mkdir", "-p", "-m", "700", posix.join("/node", path)],
    args: [],
    env: {},
    networks: [],
    secrets: [],
    mounts: [{ kind: "bind", source: "/", target: "/node" }],
  };
}

/** Sorts by time; the random end keeps two of one second apart. */
function backupId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z-${randomBytes(2).toString("hex")}`;
}
