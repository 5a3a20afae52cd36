import { createHash } from "node:crypto";
import { Cron } from "croner";
import {
  type BackupAction,
  type BackupHistory,
  type BackupRun,
  isAt,
  lastRun,
  provableSince,
  runsOf,
} from "./history.ts";
import type { BackupEntry, BackupList } from "./list.ts";
import { targetText } from "./target.ts";

/** Actions that have a schedule of their own. */
export const SCHEDULED = ["backup", "prove", "check"] as const satisfies readonly BackupAction[];
export type ScheduledAction = (typeof SCHEDULED)[number];

/** What follows a good backup. */
export const FOLLOWING = ["copy", "retention"] as const satisfies readonly BackupAction[];
export type FollowingAction = (typeof FOLLOWING)[number];

/** How late an action may be before that is a failure, in ms, beyond the spread. Proofs wait for each other, and each may take hours. */
const GRACE = { backup: 2 * 3_600_000, prove: 12 * 3_600_000 };

type Timing = Pick<BackupList, "spread" | "timezone" | "check">;

/** The schedule of an action of a site; `undefined` where it has none. */
export function scheduleOf(entry: BackupEntry, list: Timing, action: ScheduledAction): string | undefined {
  if (action === "backup") return entry.schedule;
  if (action === "check") return list.check;
  return entry.prove === "never" ? undefined : entry.prove;
}

/** The site's own moment within the spread, in ms: the same each time, and another one for the next site. */
export function offsetOf(site: string, action: ScheduledAction, spread: number): number {
  if (spread <= 0) return 0;
  const seconds = Math.max(1, Math.floor(spread / 1000));
  return (createHash("sha256").update(`${site}\n${action}`).digest().readUInt32BE(0) % seconds) * 1000;
}

/** The last moment at which an action was due, and the next one; both with the site's offset. */
export function dueTimes(
  entry: BackupEntry,
  list: Timing,
  action: ScheduledAction,
  now: Date,
): { last: Date | undefined; next: Date | undefined } {
  const schedule = scheduleOf(entry, list, action);
  if (schedule === undefined) return { last: undefined, next: undefined };
  const offset = offsetOf(entry.site, action, list.spread);
  const cron = new Cron(schedule, { paused: true, timezone: list.timezone });
  const shifted = new Date(now.getTime() - offset);
  const moved = (date: Date | null | undefined) => (date ? new Date(date.getTime() + offset) : undefined);
  return { last: moved(cron.previousRuns(1, shifted)[0]), next: moved(cron.nextRun(shifted)) };
}

/**
 * Whether an action is to be run now: it came due after the last time that it was run or the site was new. What was missed, once or
 * many times, is caught up once. One that failed is tried again after a quarter of an hour, three times.
 */
export function isDue(
  entry: BackupEntry,
  list: Timing,
  action: ScheduledAction,
  history: BackupHistory,
  now: Date,
): boolean {
  const { last } = dueTimes(entry, list, action, now);
  if (last === undefined || last.getTime() <= Date.parse(history.since)) return false;
  if (action === "prove" && lastRun(history, "backup", true) === undefined) return false;
  return isOpen(runsOf(history, action), last, now) ?? true;
}

/**
 * Whether what follows a backup is to be run by itself: after the last good one it failed, by the same rule as an action that is due;
 * or it was never run, because whoever made the backup was killed, or because the second place is new.
 */
export function isFollowingDue(list: BackupList, action: FollowingAction, history: BackupHistory, now: Date): boolean {
  const where = action === "copy" ? list.copy : list.repository;
  const backup = lastRun(history, "backup", true);
  // A repository that is new has nothing to copy yet.
  if (where === undefined || backup === undefined || !isAt(backup, targetText(list.repository))) return false;
  const ended = new Date(backup.ended);
  // Whoever made the backup goes on with it.
  const runs = runsOf(history, action).filter((run) => isAt(run, targetText(where)));
  return isOpen(runs, ended, now) ?? now.getTime() - ended.getTime() >= RETRY;
}

/** Whether an action whose time came at a moment is to be tried again; `undefined` where it was not run since. */
function isOpen(runs: BackupRun[], moment: Date, now: Date): boolean | undefined {
  const since = runs.filter(({ began }) => Date.parse(began) >= moment.getTime());
  const [newest] = since;
  if (newest === undefined) return undefined;
  if (newest.ok || since.length >= ATTEMPTS) return false;
  return now.getTime() - Date.parse(newest.ended) >= RETRY;
}

const ATTEMPTS = 3;
const RETRY = 15 * 60_000;

/**
 * Since when a good run of an action is missing, beyond all patience; `undefined` where none is. A proof is missed from the first good
 * backup on.
 */
export function lateSince(
  entry: BackupEntry,
  list: Timing,
  action: keyof typeof GRACE,
  history: BackupHistory,
  now: Date,
): Date | undefined {
  const patient = new Date(now.getTime() - GRACE[action]);
  const { last } = dueTimes(entry, list, action, patient);
  const from = action === "backup" ? history.since : provableSince(history);
  if (last === undefined || from === undefined || last.getTime() <= Date.parse(from)) return undefined;
  const good = lastRun(history, action, true);
  return good !== undefined && Date.parse(good.began) >= last.getTime() ? undefined : last;
}

/**
 * When the oldest good backup ended that the second place lacks, beyond all patience; `undefined` where it lacks none. A place that has
 * no copy yet may be new: it is waited for from the list on that names it, made at `made`.
 */
export function uncopiedSince(list: BackupList, history: BackupHistory, made: Date, now: Date): Date | undefined {
  const { repository, copy } = list;
  if (copy === undefined) return undefined;
  const copied = runsOf(history, "copy").find((run) => run.ok && isAt(run, targetText(copy)));
  const missing = runsOf(history, "backup").findLast(
    (run) => run.ok && isAt(run, targetText(repository)) && (copied === undefined || run.ended > copied.began),
  );
  if (missing === undefined) return undefined;
  const ended = new Date(missing.ended);
  const from = copied === undefined ? Math.max(ended.getTime(), made.getTime()) : ended.getTime();
  return now.getTime() - from > GRACE.backup ? ended : undefined;
}
