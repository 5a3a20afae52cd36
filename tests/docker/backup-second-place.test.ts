import { readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appSite, writeApp } from "../support/app.ts";
import { backup, fill, jobContainer, keepAt, working } from "../support/backups.ts";
import { damage } from "../support/packs.ts";
import { hostAddress, requireRepositories, SftpServer } from "../support/repositories.ts";
import { Workspace } from "../support/workspace.ts";

/** A platform of a site whose backups go to a place reached by SFTP, and from there to a second one. */
let workspace: Workspace;
let first: SftpServer;
let second: SftpServer;

beforeAll(async () => {
  await requireRepositories();
  workspace = await Workspace.create();
  const host = await hostAddress(workspace.docker);
  [first, second] = await Promise.all([SftpServer.create(host), SftpServer.create(host)]);
  await writeApp(workspace);
  const volumes = [{ name: "data", path: "/data", size: "1MiB" }];
  await workspace.site("notes", appSite("notes", { volumes }, { kind: "portal" }));
  const keys = { SFTP_KEY: await first.key(), SFTP_KNOWN_HOSTS: await first.knownHosts() };
  const copy = { COPY_SFTP_KEY: await second.key(), COPY_SFTP_KNOWN_HOSTS: await second.knownHosts() };
  await keepAt(workspace, { repository: first.url, copy: second.url }, { ...keys, ...copy });
  await workspace.visitor.get("notes", "/set/kept");
  await fill(workspace, "notes", 1);
  await working(workspace, "notes");
});

afterAll(async () => {
  await workspace.destroy();
  await Promise.all([first, second].map((place) => place?.close()));
});

test("what a killed backup left half written at a place reached by SFTP goes with its lock", async () => {
  await fill(workspace, "notes", 200);
  const running = workspace.start("backup", "run", "notes");
  const container = await jobContainer(workspace, "notes", running);
  await expect.poll(() => unfinished(first), { timeout: 60_000, interval: 20 }).not.toEqual([]);
  await container.kill();
  expect((await running.ended).code).toBe(1);
  // The server may have ended the file that was under way after all: this one it has not.
  await writeFile(join(first.folder, "data/notes/data/00/half-restic-temp-1"), "half");
  await fill(workspace, "notes", 1);
  await working(workspace, "notes");
  expect(await unfinished(first)).toEqual([]);
  expect(await first.names("notes", "locks")).toEqual([]);
});

test("the second place is proven by itself, and a site is restored from it while the first is away", async () => {
  const proof = () => workspace.run("backup", "prove", "notes", "--from-copy");
  const proven = await proof();
  expect(proven.stdout).toContain("✓ notes: prove-copy");
  expect(proven.code, proven.all).toBe(0);

  await first.stop();
  const restore = ["restore", "notes", "--from-copy", "--yes"];
  const careful = await workspace.run(...restore);
  expect(careful.stderr).toContain("notes was not touched: what is there now could not be backed up");
  await workspace.visitor.get("notes", "/set/spoiled");
  const restored = await workspace.run(...restore, "--no-safety");
  expect(restored.code, restored.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("kept");
  await first.start();
  // So that the largest pack is one of the newest backup.
  await fill(workspace, "notes", 3);
  await working(workspace, "notes");

  const mend = await damage(join(second.folder, "data/notes"));
  expect((await proof()).stdout).toContain("✗ notes: prove-copy failed (corrupt)");
  const overview = await workspace.run("backup");
  expect(overview.stdout).toContain("notes: the last proof by restore from the second place failed (corrupt, ");
  expect(overview.code).toBe(1);
  await mend();
  expect((await proof()).code).toBe(0);
});

test("a check reads both places, and says which one is damaged", async () => {
  const checked = () => workspace.run("backup", "check", "notes");
  const mendSecond = await damage(join(second.folder, "data/notes"));
  expect((await checked()).all).toMatch(
    /✗ notes: check failed \(corrupt\): the second place: the repository is damaged/,
  );
  const mendFirst = await damage(join(first.folder, "data/notes"));
  expect((await checked()).all).toMatch(
    /the repository is damaged .*; the second place as well: the repository is damaged/,
  );
  await mendSecond();
  expect((await checked()).all).toMatch(/the repository is damaged .*; the second place is sound/);
  await mendFirst();
  expect((await checked()).code).toBe(0);
});

test("a second place that is gone is told, and not made anew", async () => {
  const there = join(second.folder, "data/notes");
  await rename(there, `${there}-away`);
  expect((await backup(workspace, "notes")).all).toMatch(/✓ notes: backup .*\n✗ notes: copy failed \(missing\): /);
  expect((await workspace.run("backup", "prove", "notes", "--from-copy")).stdout).toContain(
    "✗ notes: prove-copy failed (missing): the backups of notes cannot be read",
  );
  await rename(`${there}-away`, there);
  await working(workspace, "notes");
  expect((await workspace.run("backup", "prove", "notes", "--from-copy")).code).toBe(0);
});

/** What restic writes to a place reached by SFTP has such a name until it is whole. */
async function unfinished({ folder }: SftpServer): Promise<string[]> {
  const names = await readdir(join(folder, "data/notes"), { recursive: true });
  return names.filter((name) => name.includes("-restic-temp-"));
}
