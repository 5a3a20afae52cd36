import { expect, test } from "vitest";
import type { BackupRun } from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { runSite } from "../../scripts/cli/backup-command.ts";
import type { BackupContext } from "../../stacks/backup/run.ts";

const run: BackupRun = { action: "backup", began: "", ended: "", ok: true };
const locked = new TerraceError("TERRACE_LOCKED", "backup-two is being changed by somebody else");

function contextOf(signal: AbortSignal, report: (line: string) => void = () => {}): BackupContext {
  return { docker: {} as BackupContext["docker"], platform: "honghe", signal, reason: "", noWait: true, report };
}

const going = new AbortController().signal;

test("a site that is locked, or fails in any other way, keeps no other one from its turn", async () => {
  const told: string[] = [];
  const bug = new TypeError("no such thing");
  const faults: Record<string, Error> = { two: locked, three: bug };
  const done = [];
  for (const site of ["one", "two", "three", "four"]) {
    const work = async () => {
      if (faults[site] !== undefined) throw faults[site];
      return [run];
    };
    done.push(
      await runSite(
        contextOf(going, (line) => told.push(line)),
        site,
        work,
      ),
    );
  }
  expect(done).toEqual([
    { site: "one", runs: [run] },
    { site: "two", runs: [], fault: locked },
    { site: "three", runs: [], fault: bug },
    { site: "four", runs: [run] },
  ]);
  expect(told).toEqual([`two: FAILED: ${locked.message}`, "three: FAILED: no such thing"]);
});

test.each([
  new TerraceError("TERRACE_DOCKER_UNREACHABLE", "Docker Engine does not answer"),
  new TerraceError("TERRACE_NO_BACKUP_KEY", "the repository's password is not in the cluster"),
  new TerraceError("TERRACE_NO_BACKUP", "there is no second place of backups to read from", { exitCode: 2 }),
  Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
])("what would meet every site ends the command: %s", async (fault) => {
  await expect(runSite(contextOf(going), "one", () => Promise.reject(fault))).rejects.toBe(fault);
});

test("who stops the command stops it for all sites", async () => {
  const stopped = contextOf(AbortSignal.abort());
  await expect(runSite(stopped, "one", () => Promise.reject(locked))).rejects.toBe(locked);
});
