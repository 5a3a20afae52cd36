import { createHash } from "node:crypto";
import { Cron } from "croner";
import { type BackupAction, type BackupHistory, lastRun, runsOf } from "./history.ts";
import type { BackupEntry, BackupList } from "./list.ts";

/** Actions that have a schedule of their own; retention and copies follow each backup. */
export const SCHEDULED = ["backup", "prove", "check"] as const satisfies readonly BackupAction[];
export type ScheduledAction = (typeof SCHEDULED)[number];

/** How late a backup may be before that is a failure, in ms, beyond the spread. */
const GRACE = 2 * 3_600_000;

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
  const since = runsOf(history, action).filter(({ began }) => Date.parse(began) >= last.getTime());
  if (since.length === 0) return true;
  const [newest] = since;
  if (newest === undefined || newest.ok || since.length >= ATTEMPTS) return false;
  return now.getTime() - Date.parse(newest.ended) >= RETRY;
}

const ATTEMPTS = 3;
const RETRY = 15 * 60_000;

/** Since when a good backup is missing, beyond all patience; `undefined` where none is. */
export function lateSince(entry: BackupEntry, list: Timing, history: BackupHistory, now: Date): Date | undefined {
  const patient = new Date(now.getTime() - GRACE);
  const { last } = dueTimes(entry, list, "backup", patient);
  if (last === undefined || last.getTime() <= Date.parse(history.since)) return undefined;
  const good = lastRun(history, "backup", true);
  return good !== undefined && Date.parse(good.began) >= last.getTime() ? undefined : last;
}
