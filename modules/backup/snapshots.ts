/** A snapshot as restic lists it. */
export interface Snapshot {
  id: string;
  /** ISO 8601. */
  time: string;
  tags: string[] | null;
}

/** One backup: the snapshot of its files, and that of its database's dump where it has one. */
export interface StoredBackup {
  backup: string;
  /** ISO 8601. */
  time: string;
  files: string;
  /** Made before a restore, of what it replaced. */
  safety: boolean;
  /** It could not read all, or held too little: none to rely on. */
  failed: boolean;
  database: string | undefined;
}

/** The complete backups among snapshots, newest first. A dump without files belongs to a backup that failed. */
export function storedBackups(snapshots: Snapshot[]): StoredBackup[] {
  const part = (tags: string[] | null, name: string) => tags?.includes(`part=${name}`) === true;
  const idOf = (tags: string[] | null) => tags?.find((tag) => tag.startsWith("backup="))?.slice("backup=".length);
  const dumps = new Map(snapshots.filter(({ tags }) => part(tags, "database")).map(({ id, tags }) => [idOf(tags), id]));
  // Where a place removes nothing, what was marked later stands beside the mark.
  const failed = new Set(snapshots.filter(({ tags }) => tags?.includes("kind=failed")).map(({ tags }) => idOf(tags)));
  const backups = snapshots
    .flatMap(({ id, time, tags }) => {
      const backup = idOf(tags);
      if (backup === undefined || !part(tags, "files")) return [];
      const safety = tags?.includes("kind=safety") === true;
      return [{ backup, time, files: id, safety, failed: failed.has(backup), database: dumps.get(backup) }];
    })
    .sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
  return backups.filter(({ backup }, at) => backups.findIndex((each) => each.backup === backup) === at);
}

/**
 * The backup that is meant: by its id or its beginning, by the id of its snapshot, or by a time (`2026-11-24`, `2026-11-24T03:00`,
 * UTC where it says nothing else): the last one until then. The newest one where nothing is said. One that failed, or was made before a
 * restore, is meant only where it is named.
 */
export function chooseBackup(backups: StoredBackup[], at: string | undefined): StoredBackup | undefined {
  const regular = backups.filter(({ safety, failed }) => !safety && !failed);
  if (at === undefined || at === "latest") return regular[0];
  const named = backups.find(
    ({ backup, files }) => backup === at || (at.length >= 6 && (backup.startsWith(at) || files.startsWith(at))),
  );
  if (named !== undefined) return named;
  const until = /^\d{4}-\d{2}-\d{2}$/.test(at) ? `${at}T23:59:59Z` : /Z|[+-]\d{2}:\d{2}$/.test(at) ? at : `${at}Z`;
  const moment = Date.parse(until);
  return Number.isNaN(moment) ? undefined : regular.find(({ time }) => Date.parse(time) <= moment);
}
