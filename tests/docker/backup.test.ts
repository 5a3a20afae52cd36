import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let repository: string;

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "terrace-backups-"));
  workspace = await Workspace.create();
  await writeApp(workspace);
  await workspace.add(
    "platform.yaml",
    stringify({ backup: { repository: join(repository, "made/by/the/job"), smallest: "0KiB" } }),
  );
  await workspace.pages("www", "the portal");
  await workspace.site("notes", appSite("notes", { volumes: [{ name: "data", path: "/data", size: "1MiB" }] }));
  const { code, all } = await workspace.up();
  expect(all, all).toContain("Done");
  expect(code).toBe(0);
});

afterAll(async () => {
  await workspace.destroy();
  await rm(repository, { recursive: true });
});

test("a site is backed up while it serves, spoiled, and put back as it was", async () => {
  await workspace.visitor.get("notes", "/set/kept");
  const { result: backup, load } = await workspace.visitor.during("notes", () => workspace.run("backup", "run"));
  expect(backup.all).toMatch(/✓ notes: backup .*\n.*✓ www: backup/s);
  expect(backup.code).toBe(0);
  expect(load.failures).toEqual([]);
  expect((await readdir(join(repository, "made/by/the/job"))).sort()).toEqual(["notes", "www"]);

  await workspace.visitor.get("notes", "/set/spoiled");
  const restored = await workspace.run("restore", "notes", "--yes");
  expect(restored.code, restored.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("kept");

  // What the restore replaced was backed up first, and its last line says how to have it back.
  const [, safety = ""] = /terrace restore notes --at (\S+)/.exec(restored.stdout) ?? [];
  const back = await workspace.run("restore", "notes", "--at", safety, "--no-safety", "--yes");
  expect(back.code, back.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("spoiled");
  const { stdout } = await workspace.run("backup", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    sites: [
      { site: "notes", last: { files: 1 } },
      { site: "www", last: { files: 1 } },
    ],
  });
});

test("what there is no backup of is not restored", async () => {
  const cases: [string[], string][] = [
    [["notes", "--at", "2020-01-01"], "notes has no backup 2020-01-01 (TERRACE_NO_BACKUP)"],
    [["notes", "--volume", "letters"], "notes has no volume letters (TERRACE_NO_SUCH_VOLUME)"],
    [
      ["notes", "--path", "../etc"],
      "--path takes a path within the volume like /uploads/2026, got ../etc (TERRACE_USAGE)",
    ],
    [
      ["notes", "--path", "nothing", "--no-safety"],
      "notes could not be restored: the backup holds no /data/volumes/data/nothing (TERRACE_RESTORE_FAILED)",
    ],
    [["nobody"], "nobody is not backed up (TERRACE_NOT_BACKED_UP)"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await workspace.run("restore", ...args, "--yes");
    expect(stderr).toContain(message);
    expect(code).not.toBe(0);
  }
});
