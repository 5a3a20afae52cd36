import { execFile } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, listPlatform } from "../../modules/docker/index.ts";
import { acquireLock, listLocks } from "../../modules/engine/index.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";
import { ROOT } from "../support/sources.ts";

let simulated: SimulatedWorkspace;
let root: string;

beforeEach(async () => {
  simulated = await SimulatedWorkspace.create(2);
  root = simulated.root;
});

afterEach(() => simulated.close());

/** Runs `terrace ARGS` in the workspace. */
function terrace(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, "scripts/terrace.mjs"), ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const hold = async (scope: string) =>
  acquireLock({
    docker: await connect(),
    platform: "honghe",
    scopes: [scope],
    reason: "a test",
    noWait: true,
    signal: AbortSignal.timeout(60_000),
    report: () => {},
  });

test.each(["site-s00001", "backup-s00001"])("destroy leaves all as it is while somebody holds %s", async (scope) => {
  const docker = await connect();
  const lock = await hold(scope);
  const there = await listPlatform(docker, "honghe", true);
  const { code, stdout, stderr } = await terrace("destroy", "--confirm", "honghe", "--no-wait");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("is being changed by somebody else (TERRACE_LOCKED)");
  expect(await listPlatform(docker, "honghe", true)).toEqual(there);
  const listed = await terrace("destroy");
  expect(listed.stdout).toContain("- service honghe-site-s00001_web");
  expect(listed.stdout).not.toContain("lock");
  await lock.release();
});

test("no backup begins while destroy waits for one that is being made", async () => {
  const docker = await connect();
  const lock = await hold("backup-s00001");
  const ended = terrace("destroy", "--confirm", "honghe");
  await expect.poll(async () => (await listLocks(docker, "honghe")).map((each) => each.scope)).toContain("backup--all");
  await expect(hold("backup-s00002")).rejects.toMatchObject({ code: "TERRACE_LOCKED" });
  await lock.release();
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
});

test("destroy waits for who was there first, removes what is left then, and gives its own lock back", async () => {
  const docker = await connect();
  const lock = await hold("site-s00001");
  const ended = terrace("destroy", "--confirm", "honghe");
  await expect.poll(async () => (await listLocks(docker, "honghe")).map((each) => each.scope)).toContain("all");
  await lock.release();
  const { code, stdout, stderr } = await ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^Removed \d+ objects of honghe\./);
  expect(stderr).toContain("waiting for `a test`");
  expect(stderr).not.toContain("-lock_");
  expect(await listPlatform(docker, "honghe", true)).toEqual([]);
  expect((await terrace("destroy", "--confirm", "honghe")).stdout).toBe("There is nothing of honghe on this Swarm.\n");
  expect(await listLocks(docker, "honghe")).toEqual([]);
});
