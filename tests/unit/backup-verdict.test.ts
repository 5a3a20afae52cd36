import { expect, test } from "vitest";
import { type BackupRun, jobFault, judgeBackup, littleIn, YOUNG } from "../../modules/backup/index.ts";

const KIB = 1024;
const limits = { content: false, volumes: ["data"], database: undefined, shrink: 50, smallest: KIB };
const good = (bytes: number, files: number, more: Partial<BackupRun> = {}): BackupRun => ({
  action: "backup",
  began: "2026-11-24T02:15:00Z",
  ended: "2026-11-24T02:16:00Z",
  ok: true,
  bytes,
  files,
  ...more,
});
const held = (bytes: number, files: number, dump?: number) => ({ bytes, files, dump });
const old = { age: 100 * YOUNG };
const judge = (
  now: ReturnType<typeof held>,
  before: BackupRun | undefined,
  more: { age?: number; accept?: boolean } = {},
  over: object = {},
) => judgeBackup({ ...limits, ...over }, now, { before, ...old, ...more })?.reason;

test("a backup is judged by what it holds, and by what the last good one held", () => {
  const before = good(100 * KIB, 10);
  expect(judge(held(100 * KIB, 10), before)).toBeUndefined();
  expect(judge(held(50 * KIB, 10), before)).toBeUndefined();
  expect(judge(held(50 * KIB - 1, 10), before)).toBe("shrunken");
  expect(judge(held(100 * KIB, 4), before)).toBe("shrunken");
  expect(judge(held(KIB - 1, 1), before)).toBe("tiny");
  expect(judge(held(0, 0), before)).toBe("empty");
  expect(judge(held(2 * KIB, 1), undefined)).toBeUndefined();
});

test("the percentage is the site's own, and the sentence says what is gone", () => {
  const says = judgeBackup({ ...limits, shrink: 10 }, held(80 * KIB, 10), {
    before: good(100 * KIB, 10),
    ...old,
  })?.says;
  expect(says).toBe("it holds 81920 bytes; the last good one had 102400: 20 % are gone");
});

test("a dump that is empty is a failure whatever is said", () => {
  const database = { database: "postgres" };
  expect(judge(held(5 * KIB, 3, 0), undefined, { accept: true, age: 0 }, database)).toBe("empty");
  expect(judge(held(5 * KIB, 0, 5 * KIB), undefined, {}, database)).toBeUndefined();
});

test("pages that are gone are a failure also on the first day; a site that is only fronted has nothing to lose", () => {
  expect(judge(held(0, 0), undefined, { age: 0 }, { content: true, volumes: [] })).toBe("empty");
  expect(judge(held(0, 0), undefined, {}, { volumes: [] })).toBeUndefined();
});

test("a new site may hold nothing for a week, and then only where somebody said that it is right", () => {
  const young = good(0, 0, { young: true });
  expect(judge(held(0, 0), undefined, { age: 0 })).toBeUndefined();
  expect(judge(held(0, 0), young, { age: YOUNG - 1 })).toBeUndefined();
  expect(judge(held(0, 0), young, { age: YOUNG })).toBe("empty");
  expect(judge(held(10, 1), undefined, { age: YOUNG })).toBe("tiny");
  expect(judge(held(0, 0), young, { accept: true })).toBeUndefined();
  const accepted = good(0, 0, { accepted: true });
  expect(judge(held(0, 0), accepted)).toBeUndefined();
  expect(littleIn(limits, held(0, 0))?.reason).toBe("empty");
});

test("a site that had data and lost it has failed, however new it is", () => {
  expect(judge(held(0, 0), good(100 * KIB, 10), { age: 0 })).toBe("empty");
  // That a smaller one was accepted once says nothing of losing all.
  expect(judge(held(0, 0), good(100 * KIB, 10, { accepted: true }))).toBe("empty");
  expect(judge(held(40 * KIB, 4), good(100 * KIB, 10), { accept: true })).toBeUndefined();
});

const ended = (words: string, stage = "files", code = 1) => ({
  code: 1,
  fault: undefined,
  result: { ok: false, stage, code, words },
  words: [],
});

test("a job's last words are told as one of a few reasons", () => {
  const cases: [string, string][] = [
    ["Fatal: unable to save snapshot: write /repository/www/data/1a: no space left on device", "full"],
    ["Fatal: wrong password or no key found", "wrong-password"],
    ["Fatal: unable to open config file: dial tcp 10.0.0.9:8000: connect: connection refused", "unreachable"],
    ["nobody listens at 10.0.0.9 port 8000: Connection refused", "unreachable"],
    ["subprocess ssh: Host key verification failed.", "unreachable"],
    ["Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized", "denied"],
    ["subprocess ssh: backup@10.0.0.9: Permission denied (publickey).", "denied"],
    ["Fatal: unable to open config file: Stat: Access Denied.", "denied"],
    ["Save(<key/5f>) failed: The request signature we calculated does not match the signature you provided.", "denied"],
    ['Get "https://10.0.0.9/config": x509: certificate signed by unknown authority', "unreachable"],
    ["Fatal: unable to open config file: Stat: stat /repository/www/config: no such file", "missing"],
    ["unable to create lock in backend: repository is already locked by PID 7 on other", "locked"],
    ["Load(<data/1a2b>): ciphertext verification failed", "corrupt"],
    ["something that nobody has seen before", "failed"],
  ];
  expect(cases.map(([words]) => [words, jobFault(ended(words))?.reason])).toEqual(cases);
});

test("a job without a result was killed, and one that was stopped says so", () => {
  const without = (code: number | undefined, fault?: string) =>
    jobFault({ code, fault, result: undefined, words: [] })?.reason;
  expect(without(137)).toBe("killed");
  expect(without(2)).toBe("failed");
  expect(without(undefined, "no node can take it: no suitable node")).toBe("failed");
  expect(without(undefined, 'invalid mount config: bind source path does not exist: "/backups"')).toBe("unreachable");
  expect(jobFault(ended("", "files", 143))?.reason).toBe("killed");
  expect(jobFault({ code: 0, fault: undefined, result: { ok: true }, words: [] })).toBeUndefined();
});

test("stages that are a reason by themselves", () => {
  const reasons = ["dump", "different", "missing", "visit", "foreign"].map(
    (stage) => jobFault(ended("x", stage))?.reason,
  );
  expect(reasons).toEqual(["dump", "different", "different", "no-answer", "foreign"]);
  expect(jobFault(ended("cannot read", "files", 3))?.reason).toBe("unreadable");
});
