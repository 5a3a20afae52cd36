import { expect, test } from "vitest";
import {
  addRun,
  type BackupHistory,
  type BackupList,
  type BackupRun,
  dueTimes,
  isDue,
  isFollowingDue,
  lateSince,
  offsetOf,
  YOUNG,
} from "../../modules/backup/index.ts";
import { backupTable } from "../../scripts/cli/backup-table.ts";
import { dueWork } from "../../stacks/backup/agent.ts";
import { describeBackups } from "../../stacks/backup/overview.ts";
import { backupEntry } from "../support/backup-entry.ts";

const HOUR = 3_600_000;

const entry = backupEntry();

const list = (more: Partial<BackupList> = {}): BackupList => ({
  format: 1,
  platform: "honghe",
  repository: { kind: "local", path: "/backups" },
  copy: undefined,
  timezone: "UTC",
  spread: 0,
  check: "45 4 * * 0",
  parallel: 2,
  memory: 512 * 2 ** 20,
  image: "backup",
  sites: [entry],
  ...more,
});

const at = (text: string) => new Date(`2026-11-${text}:00Z`);
const iso = (date: Date | undefined) => date?.toISOString().slice(0, 16);

function run(action: BackupRun["action"], began: string, ok = true, more: Partial<BackupRun> = {}): BackupRun {
  const from = at(began);
  const ended = new Date(from.getTime() + 60_000).toISOString();
  return { action, began: from.toISOString(), ended, ok, ...(ok ? {} : { reason: "full", says: "no space" }), ...more };
}

test("a copy that waits for its data is not backed up", () => {
  const now = at("28T12:00");
  const due = (about: Partial<BackupHistory>) =>
    dueWork(
      list(),
      { list: list(), made: now, histories: new Map([["gejiu", { id: "", history: { ...history(), ...about } }]]) },
      now,
    ).map(({ action }) => action);
  expect(due({})).toContain("backup");
  expect(due({ copyOf: "mengzi" })).toEqual([]);
  expect(due({ copyOf: "mengzi", runs: [run("restore", "27T08:00", false)] })).toEqual([]);
  expect(due({ copyOf: "mengzi", runs: [run("restore", "27T08:00")] })).toContain("backup");
});

const history = (...runs: BackupRun[]): BackupHistory => ({
  site: "gejiu",
  since: at("01T00:00").toISOString(),
  runs: runs.toSorted((a, b) => b.began.localeCompare(a.began)),
});

test("an action is due at the platform's own hour, and next a day later", () => {
  const due = (timezone: string) => dueTimes(entry, list({ timezone }), "backup", at("24T12:00"));
  expect([iso(due("UTC").last), iso(due("UTC").next)]).toEqual(["2026-11-24T02:15", "2026-11-25T02:15"]);
  expect(iso(due("Asia/Shanghai").last)).toBe("2026-11-23T18:15");
  expect(dueTimes({ ...entry, prove: "never" }, list(), "prove", at("24T12:00")).next).toBeUndefined();
});

test("sites of one schedule have moments of their own within the spread, always the same", () => {
  const spread = 2 * HOUR;
  const offsets = Array.from({ length: 40 }, (_, index) => offsetOf(`site-${index}`, "backup", spread));
  expect(offsets.every((each) => each >= 0 && each < spread)).toBe(true);
  expect(new Set(offsets).size).toBeGreaterThan(35);
  expect(offsetOf("site-7", "backup", spread)).toBe(offsets[7]);
  expect(offsetOf("site-7", "backup", 0)).toBe(0);
  const { last } = dueTimes(entry, list({ spread }), "backup", at("24T12:00"));
  expect(last?.getTime()).toBe(at("24T02:15").getTime() + offsetOf("gejiu", "backup", spread));
});

test("what was missed is caught up once, and what was done is not done again", () => {
  const due = (now: string, ...runs: BackupRun[]) => isDue(entry, list(), "backup", history(...runs), at(now));
  expect(due("24T02:14", run("backup", "23T02:15"))).toBe(false);
  expect(due("24T02:16", run("backup", "23T02:15"))).toBe(true);
  expect(due("24T02:16", run("backup", "24T02:15"))).toBe(false);
  // Away for four days: one run makes up for all of them.
  expect(due("24T09:00", run("backup", "20T02:15"))).toBe(true);
  expect(due("24T09:02", run("backup", "20T02:15"), run("backup", "24T09:00"))).toBe(false);
});

test("a site that is new is not behind with what was due before it was there", () => {
  const young = { ...history(), since: at("24T10:00").toISOString() };
  expect(isDue(entry, list(), "backup", young, at("24T11:00"))).toBe(false);
  expect(lateSince(entry, list(), "backup", young, at("24T23:00"))).toBeUndefined();
  expect(isDue(entry, list(), "backup", young, at("25T02:16"))).toBe(true);
});

test("what failed is tried again after a quarter of an hour, three times, and then when it is due again", () => {
  const due = (now: string, ...runs: BackupRun[]) => isDue(entry, list(), "backup", history(...runs), at(now));
  const [first, second, third] = ["24T02:15", "24T02:31", "24T02:47"].map((began) => run("backup", began, false));
  expect(due("24T02:20", first!)).toBe(false);
  expect(due("24T02:31", first!)).toBe(true);
  expect(due("24T02:47", first!, second!)).toBe(true);
  expect(due("24T09:00", first!, second!, third!)).toBe(false);
  expect(due("25T02:16", first!, second!, third!)).toBe(true);
});

test("nothing is proven that was never backed up", () => {
  const due = (...runs: BackupRun[]) => isDue(entry, list(), "prove", history(...runs), at("28T06:00"));
  expect(due(run("backup", "28T02:15", false))).toBe(false);
  expect(due(run("backup", "28T02:15"))).toBe(true);
});

test("a good backup that is more than two hours behind is late, also where others failed meanwhile", () => {
  const late = (now: string, ...runs: BackupRun[]) =>
    iso(lateSince(entry, list(), "backup", history(...runs), at(now)));
  expect(late("24T04:00", run("backup", "23T02:15"))).toBeUndefined();
  expect(late("24T04:16", run("backup", "23T02:15"))).toBe("2026-11-24T02:15");
  expect(late("24T04:16", run("backup", "23T02:15"), run("backup", "24T02:15", false))).toBe("2026-11-24T02:15");
  expect(late("24T04:16", run("backup", "24T02:15"))).toBeUndefined();
});

test("a proof that is twelve hours behind is late, also where there never was one, but not before there is a backup", () => {
  const first = run("backup", "20T02:15");
  const late = (now: string, ...runs: BackupRun[]) => iso(lateSince(entry, list(), "prove", history(...runs), at(now)));
  // The 21st and the 28th are Saturdays.
  expect(late("21T17:14", first)).toBeUndefined();
  expect(late("21T17:16", first)).toBe("2026-11-21T05:15");
  expect(late("21T17:16", first, run("prove", "21T05:15", false))).toBe("2026-11-21T05:15");
  expect(late("28T17:16", first, run("prove", "21T05:15"))).toBe("2026-11-28T05:15");
  expect(late("28T17:16", first, run("prove", "28T05:15"))).toBeUndefined();
  expect(late("21T17:16", run("backup", "21T06:00"))).toBeUndefined();
  expect(late("28T17:16", run("backup", "20T02:15", false))).toBeUndefined();
  const never = { ...entry, prove: "never" };
  expect(lateSince(never, list(), "prove", history(first), at("28T17:16"))).toBeUndefined();
});

test("a site that is backed up each hour is late with its proof, too: its first good backup is remembered", () => {
  const hours = Array.from({ length: 12 }, (_, hour) => run("backup", `23T${String(hour).padStart(2, "0")}:00`));
  const known = [run("backup", "20T02:15"), ...hours].reduce(addRun, history());
  expect(known.runs.some(({ began }) => began < at("23T00:00").toISOString())).toBe(false);
  const [site] = describeBackups(list(), state(known), at("23T11:30"), []).sites;
  expect(site?.faults).toContain("late: no good proof by restore since the one due at 2026-11-21 05:15 UTC");
  expect(site?.ok).toBe(false);
});

test("a copy that failed or was never made is made again by itself: after a quarter of an hour, three times", () => {
  const copied = list({ copy: { kind: "local", path: "/copies" } });
  const due = (now: string, ...runs: BackupRun[]) => isFollowingDue(copied, "copy", history(...runs), at(now));
  const backup = run("backup", "24T02:15");
  const [first, second, third] = ["24T02:17", "24T02:35", "24T02:55"].map((began) => run("copy", began, false));
  expect(due("24T02:30", backup)).toBe(false);
  expect(due("24T02:31", backup)).toBe(true);
  expect(due("24T02:32", backup, first!)).toBe(false);
  expect(due("24T02:33", backup, first!)).toBe(true);
  expect(due("24T03:30", backup, first!, second!)).toBe(true);
  expect(due("24T09:00", backup, first!, second!, third!)).toBe(false);
  expect(due("24T09:00", backup, first!, run("copy", "24T02:35"))).toBe(false);
  // What went to another second place is not at this one.
  expect(due("24T09:00", backup, run("copy", "24T02:35", true, { place: "/elsewhere" }))).toBe(true);
  expect(due("24T09:00", backup, run("copy", "24T02:35", true, { place: "/copies" }))).toBe(false);
  // Another backup that failed leaves nothing to copy.
  expect(due("25T09:00", backup, run("copy", "24T02:17"), run("backup", "25T02:15", false))).toBe(false);
  expect(due("24T09:00")).toBe(false);
  // A repository at another place is empty as yet.
  expect(due("24T09:00", { ...backup, place: "/elsewhere" })).toBe(false);
  expect(isFollowingDue(list(), "copy", history(backup, first!), at("24T09:00"))).toBe(false);
  expect(isFollowingDue(list(), "retention", history(backup), at("24T09:00"))).toBe(true);
});

test("the agent copies and removes between backups and proofs", () => {
  const copied = list({ copy: { kind: "local", path: "/copies" } });
  const work = dueWork(copied, state(history(run("backup", "28T02:15"))), at("28T06:00"));
  expect(work.map(({ action }) => action)).toEqual(["copy", "retention", "prove", "check"]);
});

function state(...histories: BackupHistory[]) {
  return {
    list: list(),
    made: at("01T00:00"),
    histories: new Map(histories.map((each) => [each.site, { id: "", history: each }])),
  };
}

test("the overview tells what failed and what is late, each with its reason, and is not ok then", () => {
  const bad = history(run("backup", "22T02:15"), run("check", "22T04:45"), run("backup", "24T02:15", false));
  const seen = describeBackups(list(), state(bad), at("24T09:00"), []);
  expect(seen.ok).toBe(false);
  expect(seen.sites[0]?.faults).toEqual([
    "the last backup failed (full, 2026-11-24 02:16 UTC): no space",
    "late: no good backup since the one due at 2026-11-24 02:15 UTC",
  ]);
  const good = history(run("backup", "24T02:15", true, { backup: "b", bytes: 5, files: 1 }));
  expect(describeBackups(list(), state(good), at("24T09:00"), [])).toMatchObject({
    ok: true,
    sites: [{ faults: [], notes: [], last: { backup: "b" }, next: { backup: "2026-11-25T02:15:00.000Z" } }],
  });
});

const COPIES = list({ copy: { kind: "local", path: "/copies" } });
const copyFaults = (now: string, runs: BackupRun[], { made = "01T00:00", copying = [] as string[] } = {}) =>
  describeBackups(COPIES, { ...state(history(...runs)), made: at(made) }, at(now), copying).sites[0]?.faults;

test("a good backup that the second place lacks for more than two hours is a fault", () => {
  const copied = [run("backup", "23T02:15"), run("copy", "23T02:17")];
  const missed = [...copied, run("backup", "24T02:15")];
  const late = "late: the second place has no copy of the good backup of 2026-11-24 02:16 UTC";
  expect(copyFaults("24T02:14", copied)).toEqual([]);
  expect(copyFaults("24T04:15", missed)).toEqual([]);
  expect(copyFaults("24T04:17", missed)).toEqual([late]);
  expect(copyFaults("24T04:17", [...missed, run("copy", "24T02:17")])).toEqual([]);
  expect(copyFaults("24T04:17", missed, { copying: ["gejiu"] })).toEqual([]);
  expect(copyFaults("24T04:17", [...missed, run("copy", "24T02:17", false)])).toEqual([
    "the last copy failed (full, 2026-11-24 02:18 UTC): no space",
    late,
  ]);
});

test("a copy that was never made is a fault; one is waited for where the second place is new, or a copy is under way", () => {
  const runs = [run("backup", "23T02:15"), run("backup", "24T02:15")];
  const late = "late: the second place has no copy of the good backup of 2026-11-23 02:16 UTC";
  expect(copyFaults("24T03:00", runs)).toEqual([late]);
  expect(copyFaults("24T03:00", runs, { made: "24T02:00" })).toEqual([]);
  expect(copyFaults("24T04:01", runs, { made: "24T02:00" })).toEqual([late]);
  expect(copyFaults("24T04:01", runs, { made: "24T02:00", copying: ["gejiu"] })).toEqual([]);
  // What was copied to another place is not in this one, and a repository at another place is empty as yet.
  const elsewhere = { place: "/elsewhere" };
  expect(copyFaults("24T03:00", [...runs, run("copy", "24T02:17", true, elsewhere)])).toEqual([late]);
  expect(copyFaults("24T03:00", [run("backup", "24T02:15", true, elsewhere)])).toEqual([]);
  expect(describeBackups(list(), state(history(...runs)), at("24T03:00"), []).ok).toBe(true);
});

test("the table tells when a site was copied, and when that was proven, where there is a second place", () => {
  const runs = [run("backup", "24T02:15", true, { bytes: 2048, files: 3 }), run("copy", "24T02:17")];
  const rows = (of: BackupList, ...more: BackupRun[]) =>
    backupTable(describeBackups(of, state(history(...runs, ...more)), at("24T03:00"), [])).split("\n");
  expect(rows(list())[0]).toMatch(/^SITE +LAST BACKUP +SIZE +FILES +PROVEN +NEXT +NEXT PROOF +STATE$/);
  expect(rows(COPIES)[0]).toMatch(/FILES +COPIED +PROVEN +NEXT /);
  expect(rows(COPIES)[1]).toMatch(/ 3 +2026-11-24 02:18 +never +2026-11-25 02:15 /);
  expect(rows(COPIES, run("prove-copy", "24T02:30"))[0]).toMatch(/PROVEN +COPY PROVEN +NEXT /);
  expect(rows(COPIES, run("prove-copy", "24T02:30"))[1]).toMatch(/ never +2026-11-24 02:31 +2026-11-25 02:15 /);
});

test("a new site without data is told as a note, with the day from which that is a failure", () => {
  const empty = history(run("backup", "02T02:15", true, { bytes: 0, files: 0, young: true }));
  const [site] = describeBackups(list(), state(empty), at("02T03:00"), []).sites;
  expect(site).toMatchObject({ ok: true });
  const day = new Date(at("01T00:00").getTime() + YOUNG).toISOString().slice(0, 10);
  expect(site?.notes).toEqual([
    `it holds no data yet; from ${day} on that is a failure, unless \`terrace backup run gejiu --accept\` takes it as right`,
  ]);
});

test("the agent does backups before proofs and checks, each site's by its own history", () => {
  const other = { ...entry, site: "mengzi" };
  const both = list({ sites: [entry, other], prove: "15 2 * * *" } as Partial<BackupList>);
  const proven = { ...entry, prove: "20 2 * * *" };
  const done = history(run("backup", "24T02:16"));
  const open = { ...history(run("backup", "23T02:15"), run("retention", "23T02:17")), site: "mengzi" };
  const work = dueWork({ ...both, sites: [proven, other] }, state(done, open), at("24T02:30"));
  expect(work.map(({ entry: { site }, action }) => `${action} ${site}`).slice(0, 2)).toEqual([
    "backup mengzi",
    "prove gejiu",
  ]);
  // One that the agent has never seen is not looked after yet.
  expect(dueWork(list(), state(), at("24T02:30"))).toEqual([]);
});
