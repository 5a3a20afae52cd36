import { expect, test } from "vitest";
import {
  addRun,
  type BackupHistory,
  type BackupList,
  type BackupRun,
  chooseBackup,
  foreignUntil,
  killedProof,
  killedRun,
  lastBackup,
  lastRun,
  recoveryOf,
  storedBackups,
} from "../../modules/backup/index.ts";
import { requireEntry } from "../../stacks/backup/cluster.ts";
import { lacksKey } from "../../stacks/backup/recover.ts";
import { repositoryFault } from "../../stacks/backup/restore.ts";

const SINCE = "2026-11-01T00:00:00.000Z";
const none: BackupHistory = { site: "gejiu", since: SINCE, runs: [] };
const data = { volumes: ["data"], database: undefined };

function run(action: BackupRun["action"], number: number, more: Partial<BackupRun> = {}): BackupRun {
  const began = new Date(Date.parse(SINCE) + number * 3_600_000).toISOString();
  return { action, began, ended: began, ok: true, backup: `b${number}`, ...more };
}

const withRuns = (...runs: BackupRun[]) => runs.reduce(addRun, none);

test("eight runs of each action are remembered, and the newest good one however many failed since", () => {
  const failures = Array.from({ length: 20 }, (_, index) => run("backup", index + 2, { ok: false, reason: "full" }));
  const history = withRuns(run("check", 0), run("backup", 1), ...failures);
  expect(history.runs.map(({ action, ok }) => `${action} ${ok}`)).toEqual([
    ...Array(8).fill("backup false"),
    "backup true",
    "check true",
  ]);
  expect(lastRun(history, "backup", true)?.backup).toBe("b1");
  expect(lastRun(history, "backup")?.backup).toBe("b21");
});

test("a backup made before a restore is none of what the site itself holds", () => {
  const safeties = Array.from({ length: 12 }, (_, index) => run("backup", index + 2, { safety: true }));
  const history = withRuns(run("backup", 1), ...safeties);
  expect(lastRun(history, "backup", true)?.backup).toBe("b1");
  expect(lastBackup(history)?.backup).toBe("b1");
});

test("rows are remembered of the two newest backups only", () => {
  const history = withRuns(...[1, 2, 3].map((number) => run("backup", number, { tables: { entries: number } })));
  expect(history.runs.map(({ tables }) => tables)).toEqual([{ entries: 3 }, { entries: 2 }, undefined]);
});

test("a killed run is remembered by the job that it left; a mere look is not", () => {
  const now = new Date("2026-11-02T00:00:00Z");
  expect(killedRun("backup", SINCE, now)).toMatchObject({
    action: "backup",
    began: SINCE,
    ok: false,
    reason: "killed",
  });
  expect(killedRun("list", SINCE, now)).toBeUndefined();
  expect(killedRun(undefined, SINCE, now)).toBeUndefined();
});

test("a new cluster puts back what it has no data of its own of, and once", () => {
  const kind = (...runs: BackupRun[]) => recoveryOf(data, withRuns(...runs)).kind;
  expect(recoveryOf(data, none)).toEqual({ kind: "restore", until: SINCE });
  expect(kind(run("backup", 1, { ok: false, reason: "wrong-password" }))).toBe("restore");
  expect(kind(run("restore", 1, { ok: false }))).toBe("restore");
  // Only a part of it, or only what was there before.
  expect(kind(run("restore", 1, { partial: true }))).toBe("restore");
  expect(kind(run("backup", 1, { safety: true }))).toBe("restore");
  expect(kind(run("restore", 1))).toBe("restored");
  expect(kind(run("backup", 1))).toBe("lives");
  expect(recoveryOf({ volumes: [], database: undefined }, none).kind).toBe("no-data");
  expect(recoveryOf({ volumes: [], database: "mariadb" }, none).kind).toBe("restore");
});

test("backups of an earlier cluster are in the way until they are put back or given up", () => {
  expect(foreignUntil(data, none)).toBe(SINCE);
  expect(foreignUntil(data, withRuns(run("restore", 1)))).toBeUndefined();
  expect(foreignUntil(data, withRuns(run("backup", 1, { accepted: true })))).toBeUndefined();
  expect(foreignUntil({ volumes: [], database: undefined }, none)).toBeUndefined();
});

test("that no repository opens is told once, and not where any does", () => {
  const told = { says: "", backup: undefined };
  const wrong = { reason: "wrong-password", says: "it has another password" } as const;
  const closed = { site: "a", state: "failed" as const, ...told, fault: repositoryFault("a", wrong) };
  const gone = { ...closed, fault: repositoryFault("a", { reason: "unreachable", says: "no answer" }) };
  const fine = { site: "b", state: "restored" as const, ...told, fault: undefined };
  const pages = { site: "c", state: "no-data" as const, ...told, fault: undefined };
  expect(lacksKey([closed, pages])).toBe(true);
  expect([[closed, fine], [closed, gone], [pages], []].map(lacksKey)).toEqual([false, false, false, false]);
});

const snapshot = (id: string, time: string, ...tags: string[]) => ({ id, time, tags: ["terrace", ...tags] });
const snapshots = [
  snapshot("d1", "2026-11-20T02:00:00Z", "backup=one", "part=database"),
  snapshot("f1", "2026-11-20T02:00:05Z", "backup=one", "part=files", "kind=regular"),
  snapshot("aaaaaa2", "2026-11-21T02:00:05Z", "backup=two", "part=files", "kind=regular"),
  snapshot("d3", "2026-11-22T02:00:00Z", "backup=three", "part=database"),
  snapshot("f4", "2026-11-23T02:00:05Z", "backup=four", "part=files", "kind=safety"),
];

test("a dump without files is no backup, and one made before a restore is taken only by its name", () => {
  const backups = storedBackups(snapshots);
  expect(backups.map(({ backup, database }) => [backup, database])).toEqual([
    ["four", undefined],
    ["two", undefined],
    ["one", "d1"],
  ]);
  const chosen = (at?: string) => chooseBackup(backups, at)?.backup;
  expect(chosen()).toBe("two");
  expect(chosen("four")).toBe("four");
  expect(chosen("aaaaaa")).toBe("two");
  expect(chosen("2026-11-20")).toBe("one");
  expect(chosen("2026-11-21T02:00")).toBe("one");
  expect(chosen("2026-11-21T10:01+08:00")).toBe("two");
  expect(chosen("2026-11-19")).toBeUndefined();
  expect(chosen("nonsense")).toBeUndefined();
  // A year far away is no time that anybody means.
  expect(chosen("20261")).toBeUndefined();
});

test("a backup that failed is taken only by its name, also where the place removes nothing", () => {
  const tags = (backup: string, kind: string) => ["terrace", `backup=${backup}`, "part=files", `kind=${kind}`];
  const backups = storedBackups([
    { id: "1".repeat(64), time: "2026-11-20T02:00:00Z", tags: tags("good", "regular") },
    { id: "2".repeat(64), time: "2026-11-21T02:00:00Z", tags: tags("marked", "failed") },
    { id: "3".repeat(64), time: "2026-11-22T02:00:00Z", tags: tags("twice", "regular") },
    { id: "4".repeat(64), time: "2026-11-22T02:00:00Z", tags: tags("twice", "failed") },
  ]);
  expect(backups.map(({ backup, failed }) => [backup, failed])).toEqual([
    ["twice", true],
    ["marked", true],
    ["good", false],
  ]);
  expect(chooseBackup(backups, undefined)?.backup).toBe("good");
  expect(chooseBackup(backups, "2026-11-23")?.backup).toBe("good");
  expect(chooseBackup(backups, "marked")?.backup).toBe("marked");
});

test("the beginning of an id takes the only good backup that begins so, and is refused where there are several or none", () => {
  const snapshot = (backup: string, kind: string, id: string) => ({
    id: id.repeat(32),
    time: backup.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2}).*$/, "$1-$2-$3T$4:$5:00Z"),
    tags: ["terrace", `backup=${backup}`, "part=files", `kind=${kind}`],
  });
  const backups = storedBackups([
    snapshot("20261119T020000Z-aaaa", "regular", "1a"),
    snapshot("20261120T020000Z-bbbb", "regular", "2b"),
    snapshot("20261120T140000Z-cccc", "safety", "3c"),
    snapshot("20261121T020000Z-dddd", "failed", "4d"),
  ]);
  const chosen = (at: string) => chooseBackup(backups, at)?.backup;
  expect(chosen("20261120")).toBe("20261120T020000Z-bbbb");
  expect(chosen("2b2b2b2b")).toBe("20261120T020000Z-bbbb");
  expect(chosen("20261120T140000Z-cccc")).toBe("20261120T140000Z-cccc");
  expect(chosen("4d".repeat(32))).toBe("20261121T020000Z-dddd");
  expect(() => chosen("202611")).toThrow(
    expect.objectContaining({
      code: "TERRACE_USAGE",
      message: "--at 202611 may be several backups",
      why: "so begin 20261120T020000Z-bbbb, 20261119T020000Z-aaaa",
      exitCode: 2,
    }),
  );
  for (const at of ["20261121", "4d4d4d4d"]) {
    expect(() => chosen(at)).toThrow(
      expect.objectContaining({
        message: `--at ${at} is no whole id`,
        why: "a backup that failed, or was made before a restore, is taken by its whole id: 20261121T020000Z-dddd",
      }),
    );
  }
});

test("a safety backup is no good backup after a failed one", () => {
  const history = withRuns(run("backup", 1, { ok: false, reason: "shrunken" }), run("backup", 2, { safety: true }));
  expect(lastRun(history, "backup")?.backup).toBe("b1");
  expect(lastRun(history, "backup", true)).toBeUndefined();
});

test("a killed proof is remembered by the note that it left, which no other run takes away", () => {
  const proving = { began: SINCE, volumes: ["data"] };
  const history = addRun({ ...none, proving }, run("backup", 1));
  expect(history.proving).toEqual(proving);
  expect(killedProof(proving, new Date("2026-11-02T00:00:00Z"))).toMatchObject({
    action: "prove",
    began: SINCE,
    ok: false,
    reason: "killed",
  });
});

test("a site that is backed up no more is refused with the ways to what is stored of it", () => {
  const sites = [{ site: "gejiu" }];
  expect(() => requireEntry({ sites } as BackupList, "old")).toThrow(
    expect.objectContaining({
      code: "TERRACE_NOT_BACKED_UP",
      why: expect.stringContaining("are: gejiu; "),
      next: expect.stringMatching(
        /bring the file back, then `terrace up`; or .* restic: docs\/guides\/backup.md, By hand$/,
      ),
    }),
  );
});
