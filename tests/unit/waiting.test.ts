import { expect, test } from "vitest";
import type { LockHolder } from "../../modules/engine/index.ts";
import { showWaiting, waitOf } from "../../scripts/cli/waiting.ts";

const holder: LockHolder = {
  scope: "site-finance",
  user: "root",
  host: "vm",
  pid: 812,
  reason: "up finance",
  since: "2026-11-23T18:00:12.000Z",
};
const WHO = "waiting for `up finance` by root on vm (process 812), since 2026-11-23 18:00:12 UTC";

function shown(terminal: boolean, steps: [number, LockHolder?][]): string {
  let text = "";
  const { waiting, done } = showWaiting({
    terminal,
    write: (piece) => {
      text += piece;
    },
  });
  for (const [ms, who = holder] of steps) waiting(who, ms);
  done();
  done();
  return text;
}

test("a log is told at once, and again each ten seconds", () => {
  const steps = [0, 500, 9_900, 10_100, 12_000, 20_050, 65_000, 65_500].map((ms): [number] => [ms]);
  expect(shown(false, steps).split("\n")).toEqual([
    WHO,
    `${WHO}: 10 s by now`,
    `${WHO}: 20 s by now`,
    `${WHO}: 65 s by now`,
    "",
  ]);
});

test("a log is told when somebody else is waited for", () => {
  const other = { ...holder, pid: 900 };
  const lines = shown(false, [[0], [500, other], [900, other]]).split("\n");
  expect(lines).toEqual([WHO, WHO.replace("812", "900"), ""]);
});

test("a terminal has one line that is written over, and ended once", () => {
  expect(shown(true, [[0], [1_600]])).toBe(`\r\x1b[2K${WHO}: 0 s\r\x1b[2K${WHO}: 1 s\n`);
  expect(shown(true, [])).toBe("");
});

test.each([
  [undefined, { noWait: false, limit: undefined }],
  [true, { noWait: false, limit: undefined }],
  [false, { noWait: true, limit: undefined }],
  ["5m", { noWait: false, limit: 300_000 }],
])("--wait: %s", (wait, expected) => {
  expect(waitOf({ arguments: [], options: { wait } })).toEqual(expected);
});

test("a limit that is no time is refused", () => {
  expect(() => waitOf({ arguments: [], options: { wait: "finance" } })).toThrow(
    expect.objectContaining({
      code: "TERRACE_USAGE",
      exitCode: 2,
      message: "--wait takes a time like 5m, got finance",
      next: "name sites before it, or say how long: --wait=5m",
    }),
  );
});
