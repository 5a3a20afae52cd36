import { EXIT, TerraceError } from "../core/errors.ts";

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
 * restore, is meant only by a whole id.
 *
 * @throws TerraceError `TERRACE_USAGE` where the beginning of an id is that of several, or only of such ones
 */
export function chooseBackup(backups: StoredBackup[], at: string | undefined): StoredBackup | undefined {
  const regular = backups.filter(isRegular);
  if (at === undefined || at === "latest") return regular[0];
  const whole = backups.find(({ backup, files }) => backup === at || files === at);
  if (whole !== undefined) return whole;
  const begun = backups.filter(
    ({ backup, files }) => at.length >= 6 && (backup.startsWith(at) || files.startsWith(at)),
  );
  if (begun.length > 0) return theOnly(begun, at);
  if (!/^\d{4}-\d{2}-\d{2}/.test(at)) return undefined;
  const until = at.length === 10 ? `${at}T23:59:59Z` : /Z|[+-]\d{2}:\d{2}$/.test(at) ? at : `${at}Z`;
  const moment = Date.parse(until);
  return Number.isNaN(moment) ? undefined : regular.find(({ time }) => Date.parse(time) <= moment);
}

function isRegular({ safety, failed }: StoredBackup): boolean {
  return !safety && !failed;
}

/** Of those whose ids begin so, the one to rely on. */
function theOnly(begun: StoredBackup[], at: string): StoredBackup {
  const regular = begun.filter(isRegular);
  const [found, ...others] = regular;
  if (found !== undefined && others.length === 0) return found;
  const several = regular.length > 1;
  const names = (several ? regular : begun).map(({ backup }) => backup);
  const shown = names.length > 10 ? [...names.slice(0, 10), `and ${names.length - 10} more`] : names;
  throw new TerraceError("TERRACE_USAGE", `--at ${at} ${several ? "may be several backups" : "is no whole id"}`, {
    why: several
      ? `so begin ${shown.join(", ")}`
      : `a backup that failed, or was made before a restore, is taken by its whole id: ${shown.join(", ")}`,
    next: "name one of these; or give a time like 2026-11-20, for the last one until then",
    exitCode: EXIT.usage,
  });
}
