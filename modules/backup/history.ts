/** What is done with a site's repository. */
export type BackupAction = "backup" | "copy" | "retention" | "check" | "prove" | "restore";

/** One run that ended. */
export interface BackupRun {
  action: BackupAction;
  /** ISO 8601. */
  began: string;
  ended: string;
  ok: boolean;
  /** Why it failed, e.g. `shrunken`; absent where it did not. */
  reason?: string;
  /** One sentence for people. */
  says?: string;
  /** Of a backup: its id. */
  backup?: string;
  /** Bytes and files that the backup holds, the dump included in the bytes. */
  bytes?: number;
  files?: number;
  /** Bytes that the repository grew by. */
  added?: number;
  /** Rows by table, of a backup with a database. */
  tables?: Record<string, number>;
}

/** The last runs of one site, newest first. */
export interface BackupHistory {
  site: string;
  /** ISO 8601: since when it is looked after. */
  since: string;
  runs: BackupRun[];
}

/** So many runs of each action are kept, and the newest good one beyond them. */
const KEPT = 8;
/** A table of rows is for the newest good backups only: a label must stay small. */
const WITH_TABLES = 2;

/** The history with one run more. */
export function addRun(history: BackupHistory, run: BackupRun): BackupHistory {
  const runs = [run, ...history.runs];
  const kept = runs.filter((each) => {
    const same = runs.filter(({ action }) => action === each.action);
    return same.indexOf(each) < KEPT || each === same.find(({ ok }) => ok);
  });
  let tables = 0;
  return {
    ...history,
    runs: kept.map((each) => {
      if (each.tables === undefined || tables++ < WITH_TABLES) return each;
      const { tables: _dropped, ...rest } = each;
      return rest;
    }),
  };
}

/** The newest run of an action; only good ones where `good` is set. */
export function lastRun(history: BackupHistory, action: BackupAction, good = false): BackupRun | undefined {
  return history.runs.find((run) => run.action === action && (run.ok || !good));
}
