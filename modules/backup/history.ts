/** What is done with a site's repository. */
export type BackupAction = "backup" | "copy" | "retention" | "check" | "prove" | "prove-copy" | "restore";

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
  /** Of a backup, a copy, and a proof from the second place: where the repository is, as platform.yaml said. */
  place?: string;
  /** Bytes that the repository grew by. */
  added?: number;
  /** Rows by table, of a backup with a database. */
  tables?: Record<string, number>;
  /** Of a backup: made before a restore, of what it replaced. */
  safety?: true;
  /** Of a backup: somebody said that it is good though it looks otherwise. */
  accepted?: true;
  /** Of a backup: the site is new and holds no data yet. */
  young?: true;
  /** Of a restore: one volume, one path or the database only. */
  partial?: true;
}

/** What a proof leaves where it is killed, beside what follows from the site's name. */
export interface Proving {
  /** ISO 8601. */
  began: string;
  /** Of the site's own, `@content` for its pages. */
  volumes: string[];
  /** It reads the second place. */
  copy?: true;
  /** How it went is remembered; only what it had made could not be removed. */
  told?: true;
}

/** The last runs of one site, newest first. */
export interface BackupHistory {
  site: string;
  /** ISO 8601: since when it is looked after. */
  since: string;
  /** ISO 8601: when its first good backup ended, from which on a restore can be proven. */
  provable?: string;
  /** A proof that is under way, or was killed where nobody has the site's lock. */
  proving?: Proving;
  /** ISO 8601: a restore began to put files beside the live ones, and is under way, or was killed where nobody has the site's lock. */
  restoring?: string;
  /** The site that this one was made of, as a copy beside it. */
  copyOf?: string;
  runs: BackupRun[];
}

/** So many runs of each action are kept, and beyond them the newest good one, and the newest that tells of the data as a whole. */
const KEPT = 8;
/** A table of rows is for the newest good backups only: a label must stay small. */
const WITH_TABLES = 2;

/** The history with one run more. */
export function addRun(history: BackupHistory, run: BackupRun): BackupHistory {
  const runs = [run, ...history.runs];
  const kept = runs.filter((each) => {
    const same = runs.filter(({ action }) => action === each.action);
    const whole = same.find(({ ok, safety, partial }) => ok && safety === undefined && partial === undefined);
    return same.indexOf(each) < KEPT || each === same.find(({ ok }) => ok) || each === whole;
  });
  const provable = provableSince({ ...history, runs });
  let tables = 0;
  return {
    ...history,
    ...(provable === undefined ? {} : { provable }),
    runs: kept.map((each) => {
      if (each.tables === undefined || tables++ < WITH_TABLES) return each;
      const { tables: _dropped, ...rest } = each;
      return rest;
    }),
  };
}

/** The runs of an action, newest first. What was backed up before a restore is no backup in this sense. */
export function runsOf({ runs }: BackupHistory, action: BackupAction): BackupRun[] {
  return runs.filter((run) => run.action === action && run.safety === undefined);
}

/** The newest run of an action; only good ones where `good` is set. */
export function lastRun(history: BackupHistory, action: BackupAction, good = false): BackupRun | undefined {
  return runsOf(history, action).find(({ ok }) => ok || !good);
}

/** Since when a restore of a site can be proven (ISO 8601); as far back as is remembered where nothing was noted. */
export function provableSince(history: BackupHistory): string | undefined {
  return history.provable ?? runsOf(history, "backup").findLast(({ ok }) => ok)?.ended;
}

/** The newest good backup of what the site itself made of its data: not one that was made before a restore. */
export function lastBackup(history: BackupHistory): BackupRun | undefined {
  return lastRun(history, "backup", true);
}

/** What is remembered of a run whose watcher was killed, by the action of the job that it left; nothing of a mere look. */
export function killedRun(action: string | undefined, began: string, now: Date): BackupRun | undefined {
  const known = RECORDED.find((each) => each === action);
  if (known === undefined) return undefined;
  const says = "what ran it was killed; the job that it left was removed";
  return { action: known, began, ended: now.toISOString(), ok: false, reason: "killed", says };
}

/** What is remembered of a proof whose watcher was killed. */
export function killedProof({ began, copy }: Proving, now: Date): BackupRun {
  const says = "what ran it was killed; what it had made beside the site was removed";
  return { action: copy ? "prove-copy" : "prove", began, ended: now.toISOString(), ok: false, reason: "killed", says };
}

/** Jobs that are an action by themselves. A proof's are several, and it is noted by itself. */
const RECORDED = ["backup", "copy", "retention", "check"] as const satisfies readonly BackupAction[];

/**
 * Whether a repository was made at a place, by a backup or by a copy: only where there never was one, one is made, for one that is gone
 * must be told.
 */
export function hasRepository(history: BackupHistory, where: string, by: "backup" | "copy" = "backup"): boolean {
  return history.runs.some((run) => run.action === by && run.ok && isAt(run, where));
}

/** Runs that noted no place were at the one that was meant. */
export function isAt({ place }: BackupRun, where: string): boolean {
  return place === undefined || place === where;
}
