import {
  type BackupEntry,
  type BackupHistory,
  type BackupRun,
  chooseBackup,
  hasData,
  type LiveDatabase,
  loadJob,
  type RestoreAsk,
  repositoryJob,
  restoreJob,
  type Snapshot,
  type StoredBackup,
  storedBackups,
  type Verdict,
  volumeMounts,
} from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import type { Fault } from "../../modules/docker/index.ts";
import { writeHistory } from "./cluster.ts";
import { readingPlace } from "./places.ts";
import { type BackupContext, backup, job, type RepositorySession, recorded, type Session, withSite } from "./run.ts";
import { type Still, startAgain, withoutTasks } from "./stopped.ts";

export interface RestoreRequest {
  site: string;
  /** A backup's id, a snapshot's, or a time; the newest one where absent. */
  at: string | undefined;
  /** Only this volume. */
  volume: string | undefined;
  /** Only this path within the volume, e.g. `/uploads/2026`. */
  path: string | undefined;
  /** Only the database. */
  database: boolean;
  /** A backup of what is there now comes first. */
  safety: boolean;
  /** Only backups from before this moment (ISO 8601) count. */
  until?: string;
  /** It is read at the second place. What is there now is backed up to the first one all the same. */
  fromCopy?: boolean;
}

export interface Restored {
  site: string;
  from: StoredBackup;
  /** The backup of what was there before. */
  safety: string | undefined;
  run: BackupRun;
  /** Why the site does not serve on what was restored; absent where it does. */
  down?: Pick<Fault, "cause" | "why" | "log">;
}

/** All backups of a site, newest first: those at the first place, or those at the second one. */
export function listBackups(context: BackupContext, site: string, fromCopy: boolean): Promise<StoredBackup[]> {
  return withSite(context, site, async (session) => stored(readingPlace(session, fromCopy)));
}

/**
 * Puts a site's data back as a backup has it. What can be done beside the site is done while it serves: reading, decrypting, verifying
 * its volumes. It stops for the moments in which the restored files take their place, and for the load of its database.
 *
 * @throws TerraceError `TERRACE_NO_DATA`, `TERRACE_NO_BACKUP`, `TERRACE_RESTORE_FAILED`
 */
export function restoreSite(context: BackupContext, request: RestoreRequest): Promise<Restored> {
  return withSite(context, request.site, (session) => restoreWithin(session, request));
}

/** The same by who has the site already. */
export async function restoreWithin(session: Session, request: RestoreRequest): Promise<Restored> {
  requireData(session.entry);
  const place = readingPlace(session, request.fromCopy === true);
  const from = await choose(place, request);
  const what = whatToRestore(session, request, from);
  const safety = request.safety ? await safetyBackup(session) : undefined;
  const partial = request.volume !== undefined || request.path !== undefined || request.database;
  let down: Fault | undefined;
  await noteRestoring(session, new Date().toISOString());
  const run = await recorded(session, "restore", async () => {
    try {
      const end = await restore(place, from, what, originalOf(session));
      down = end.down;
      return { backup: from.backup, ...(partial ? { partial } : {}), fault: end.fault };
    } finally {
      session.history = withoutNote(session.history);
    }
  });
  if (!run.ok) throw restoreFault(request.site, run, safety);
  return { site: request.site, from, safety, run, ...downOf(down) };
}

/** Whoever has the site next finds by this that something may lie beside its live data. */
async function noteRestoring(session: Session, restoring: string): Promise<void> {
  session.history = { ...session.history, restoring };
  await writeHistory(session.context.docker, session.list.platform, session.history);
}

function withoutNote({ restoring: _over, ...history }: BackupHistory): BackupHistory {
  return history;
}

function downOf(fault: Fault | undefined): Pick<Restored, "down"> {
  if (fault === undefined) return {};
  const { cause, why, log } = fault;
  return { down: { cause, why, log } };
}

/** The site into which a backup is restored: the one that it was made of, or another one beside that. */
export interface Destination {
  site: string;
  constraints: string[];
  database: LiveDatabase | undefined;
  /** Where those of its volumes are that are on no node's disk. */
  nfs?: BackupEntry["nfs"];
}

function originalOf({ entry, constraints, live }: Session): Destination {
  return { site: entry.site, constraints, database: live.database, nfs: entry.nfs };
}

/** A site of pages alone has nothing in the cluster that a backup could be put into. */
function requireData(entry: BackupEntry): void {
  if (hasData(entry)) return;
  const { site, content } = entry;
  throw new TerraceError("TERRACE_NO_DATA", `${site} has no volume and no database to restore`, {
    why: `${content ? "its pages come from its folder" : "all of it comes from its file"} in the checkout, by \`terrace up\``,
    next: `take that out of version control; or out of a backup: terrace restore ${site} --files DIR`,
    exitCode: 2,
  });
}

export interface What {
  volumes: string[];
  path: string;
  database: boolean;
}

function whatToRestore(session: Session, request: RestoreRequest, from: StoredBackup): What {
  const { volume, path, database } = request;
  const { entry, live } = session;
  const site = entry.site;
  if (volume !== undefined && !entry.volumes.includes(volume)) {
    throw new TerraceError("TERRACE_NO_SUCH_VOLUME", `${site} has no volume ${volume}`, {
      next: `its volumes are: ${entry.volumes.join(", ") || "none"}`,
      exitCode: 2,
    });
  }
  const [only] = entry.volumes;
  if (path !== undefined && volume === undefined && entry.volumes.length !== 1) {
    throw new TerraceError("TERRACE_USAGE", `--path needs --volume: ${site} has ${entry.volumes.length} volumes`, {
      exitCode: 2,
    });
  }
  if (path !== undefined) return { volumes: [volume ?? only ?? ""], path: cleanPath(path), database: false };
  if (volume !== undefined) return { volumes: [volume], path: "", database };
  if (from.database !== undefined && entry.database !== undefined && live.database === undefined) {
    throw new TerraceError("TERRACE_RESTORE_FAILED", `${site} was not touched: its database does not run`, {
      why: `the backup ${from.backup} holds a dump of it, and that would be left out`,
      next: `terrace up ${site}, then run this again; or name a volume with --volume`,
    });
  }
  if (!database) requireDump(entry, from, request.fromCopy);
  const hasDatabase = live.database !== undefined && from.database !== undefined;
  if (database && !hasDatabase) {
    throw new TerraceError("TERRACE_NO_BACKUP", `there is no dump of a database of ${site} to restore`, {
      why: live.database === undefined ? "the site has no database" : `the backup ${from.backup} holds none`,
      next:
        live.database === undefined
          ? `where its file names one: terrace up ${site}, then run this again; else leave --database out`
          : `another one may hold it: ${listing(site, request.fromCopy)}`,
    });
  }
  if (database) return { volumes: [], path: "", database };
  return { volumes: entry.volumes, path: "", database: hasDatabase };
}

/**
 * Half of a site's data is not the site.
 *
 * @throws TerraceError `TERRACE_NO_BACKUP`
 */
export function requireDump({ site, database, volumes }: BackupEntry, from: StoredBackup, fromCopy = false): void {
  if (database === undefined || from.database !== undefined) return;
  const part = volumes.length === 0 ? "" : "; or only a volume: --volume NAME";
  throw new TerraceError("TERRACE_NO_BACKUP", `the backup ${from.backup} of ${site} holds no dump of its database`, {
    why: "the site would go on with data of two moments",
    next: `another one may hold it: ${listing(site, fromCopy)}${part}`,
    exitCode: 2,
  });
}

function listing(site: string, fromCopy = false): string {
  return `terrace restore ${site}${fromCopy ? " --from-copy" : ""} --list`;
}

function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0 || parts.some((part) => part === "." || part === "..")) {
    throw new TerraceError("TERRACE_USAGE", `--path takes a path within the volume like /uploads/2026, got ${path}`, {
      exitCode: 2,
    });
  }
  return `/${parts.join("/")}`;
}

export async function stored(session: Session): Promise<StoredBackup[]> {
  const { result, fault } = await job(session, repositoryJob("list", session), session.list.repository);
  if (fault !== undefined) throw repositoryFault(session.entry.site, fault);
  return storedBackups(result.snapshots as Snapshot[]);
}

export async function choose(
  session: Session,
  { site, at, until, fromCopy }: Pick<RestoreRequest, "site" | "at" | "until" | "fromCopy">,
): Promise<StoredBackup> {
  const all = await stored(session);
  const backups = until === undefined ? all : all.filter(({ time }) => Date.parse(time) < Date.parse(until));
  const chosen = chooseBackup(backups, at);
  if (chosen !== undefined) return chosen;
  throw new TerraceError(
    "TERRACE_NO_BACKUP",
    at === undefined ? `${site} has no backup` : `${site} has no backup ${at}`,
    {
      next:
        backups.length === 0 ? `terrace backup run ${site}` : `it has ${backups.length}: ${listing(site, fromCopy)}`,
    },
  );
}

/** What is there now must not be lost where the wrong backup was chosen. Whether it is good to rely on does not matter here. */
async function safetyBackup(session: Session): Promise<string> {
  const before = session.history;
  const run = await backup(session, { accept: true, safety: true });
  const kept = run.ok || /^(empty|tiny)$/.test(run.reason ?? "");
  if (!run.ok && kept) session.history = before;
  if (kept) return run.backup ?? "";
  throw new TerraceError(
    "TERRACE_RESTORE_FAILED",
    `${session.entry.site} was not touched: what is there now could not be backed up`,
    {
      why: run.says,
      next: "where nothing of it is to be kept: run this again with --no-safety",
    },
  );
}

/** How a restore ended. */
export interface RestoreEnd {
  fault: Verdict | undefined;
  /** Why the site does not serve on what it has now; `undefined` where it does. */
  down: Fault | undefined;
}

/**
 * Fetches beside what serves, then lets it take its place. The database goes first: what can fail after minutes comes before what is
 * done in moments and can be taken back.
 */
export async function restore(
  session: Session,
  from: StoredBackup,
  what: What,
  into: Destination,
): Promise<RestoreEnd> {
  const { context, list } = session;
  const mounts = volumeMounts(list.platform, { site: into.site, volumes: what.volumes, nfs: into.nfs }, false);
  const there = { ...session, constraints: into.constraints };
  const step = (name: RestoreAsk["step"]) =>
    restoreJob(there, { step: name, snapshot: from.files, volumes: what.volumes, mounts, path: what.path });
  // What was fetched lies in the live volumes. Once the run is stopped, or has no lock, it has 2 minutes for that.
  const sweep = async () => {
    const fresh = { ...session, context: { ...context, signal: AbortSignal.timeout(120_000) } };
    if (what.volumes.length > 0) await job(fresh, step("sweep"), list.repository).catch(() => undefined);
  };
  const work = async ({ signal, changing }: Still): Promise<Verdict | undefined> => {
    const locked = { ...session, context: { ...context, signal } };
    if (what.database) {
      await changing();
      const fault = await loadDatabase(locked, from, into);
      if (fault !== undefined) {
        await sweep();
        return { ...fault, says: `${fault.says}; ${afterLoad(into, fault)}` };
      }
    }
    const swapped = what.volumes.length > 0 ? await job(locked, step("swap"), list.repository) : undefined;
    if (swapped?.fault === undefined) return undefined;
    // The site must not start on half of each.
    await sweep();
    const { fault } = swapped;
    return what.database ? { ...fault, says: `${fault.says}; its database is as the backup has it already` } : fault;
  };
  try {
    const fetched = what.volumes.length > 0 ? await job(session, step("fetch"), list.repository) : undefined;
    if (fetched?.fault !== undefined) {
      // One that was killed had no time for that.
      if (fetched.fault.reason === "killed") await sweep();
      return { fault: fetched.fault, down: undefined };
    }
    const { value, down } = await withoutTasks(context, into.site, work);
    return { fault: value, down };
  } catch (error) {
    await sweep();
    throw error;
  }
}

/** What a load that failed leaves: PostgreSQL takes it back unless only the count of the rows was wrong, MariaDB cannot. */
function afterLoad({ database }: Destination, { reason }: Verdict): string {
  const whole = database?.engine === "postgres" && reason !== "different";
  return whole ? "nothing was changed" : "its database may be changed in part, its volumes are as they were";
}

/** Ends what a restore left that was killed: what it had put beside the live data goes, and the site starts that it had stopped. */
export async function endKilledRestore(session: RepositorySession): Promise<void> {
  const { context, list } = session;
  const entry = list.sites.find(({ site }) => site === session.entry.site);
  const { site, volumes } = entry ?? { site: session.entry.site, volumes: [] };
  const sweep = async () => {
    if (entry === undefined || volumes.length === 0) return;
    const mounts = volumeMounts(list.platform, entry, false);
    const { fault } = await job(
      session,
      restoreJob(session, { step: "sweep", snapshot: "", volumes, mounts, path: "" }),
      list.repository,
    );
    if (fault !== undefined) throw restoreFault(site, fault, undefined);
  };
  const noted = session.history.restoring !== undefined;
  if (noted) {
    await sweep();
    session.history = withoutNote(session.history);
    await writeHistory(context.docker, list.platform, session.history);
  }
  await startAgain(context, site, noted ? async () => undefined : sweep);
}

async function loadDatabase(
  session: Session,
  from: StoredBackup,
  { database }: Destination,
): Promise<Verdict | undefined> {
  if (database === undefined || from.database === undefined) return undefined;
  const spec = loadJob(session, database, { files: from.files, dump: from.database });
  return (await job(session, spec, session.list.repository)).fault;
}

export function repositoryFault(site: string, { reason, says }: Verdict): TerraceError {
  return new TerraceError("TERRACE_REPOSITORY", `the backups of ${site} cannot be read: ${says}`, {
    why: reason,
    reason,
    next: reason === "wrong-password" ? "terrace backup key import FILE" : "see `terrace backup`",
  });
}

export function restoreFault(
  site: string,
  { says, reason }: Pick<BackupRun, "says" | "reason"> | Verdict,
  safety: string | undefined,
): TerraceError {
  return new TerraceError("TERRACE_RESTORE_FAILED", `${site} could not be restored: ${says}`, {
    why: reason,
    next:
      safety === undefined
        ? "mend what is named, then run this again"
        : `what was there before is in the backup ${safety}: terrace restore ${site} --at ${safety}`,
  });
}
