import { mkdtemp, readdir, rm } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { guestbookSite, writeGuestbook } from "../support/guestbook.ts";
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
  await writeGuestbook(workspace);
  await workspace.site("book", guestbookSite("book", "mariadb"));
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
  expect(backup.all).toMatch(/✓ notes: backup .*✓ www: backup/s);
  expect(backup.code).toBe(0);
  expect(load.failures).toEqual([]);
  expect((await readdir(join(repository, "made/by/the/job"))).sort()).toEqual(["book", "notes", "www"]);

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
    sites: [{ site: "book" }, { site: "notes", last: { files: 1 } }, { site: "www", last: { files: 1 } }],
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

test("a dynamic site whose volume and database are destroyed is restored, equal in every byte and row, and proven", async () => {
  const { visitor, docker, name } = workspace;
  const before = { entries: await fill(), uploads: (await visitor.get("book", "/uploads")).body };
  const backup = await workspace.run("backup", "run", "book");
  expect(backup.all).toMatch(/✓ book: backup .*, 1 tables with 20 rows/);
  const proof = await workspace.run("backup", "prove", "book", "www");
  expect(proof.all).toMatch(/✓ book: prove\n✓ www: prove/);
  expect((await docker.listVolumes()).Volumes?.filter((one) => one.Name.startsWith(`${name}-backup_proof`))).toEqual(
    [],
  );

  for (const part of ["web", "db"]) await docker.getService(`${name}-site-book_${part}`).remove();
  for (const part of ["uploads", "db"]) await gone(`${name}-site-book_${part}`);
  expect((await workspace.up()).code).toBe(0);
  expect(JSON.parse((await visitor.get("book", "/entries")).body)).toEqual([]);
  const restored = await workspace.run("restore", "book", "--no-safety", "--yes");
  expect(restored.code, restored.all).toBe(0);
  expect((await visitor.until("book", "/entries", ({ status }) => status === 200)).body).toBe(before.entries);
  expect((await visitor.get("book", "/uploads")).body).toBe(before.uploads);
});

async function fill(): Promise<string> {
  for (let at = 0; at < 20; at++)
    await post("/entries", `name=n${at}&text=${encodeURIComponent(`line\n(${at}),'"\\ 中文`)}`);
  for (let at = 0; at < 3; at++) await post(`/uploads/file${at}.bin`, String(at).repeat(50_000));
  return (await workspace.visitor.get("book", "/entries")).body;
}

function post(path: string, body: string): Promise<void> {
  const { host, ports, root } = {
    host: workspace.visitor.host("book"),
    ports: workspace.visitor.ports,
    root: workspace.visitor.root,
  };
  return new Promise((resolve, reject) => {
    const headers = {
      host,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(body),
    };
    const call = https.request({
      host: "127.0.0.1",
      port: ports.https,
      servername: host,
      path,
      method: "POST",
      headers,
      ca: root,
    });
    call.on("response", (answer) => {
      answer
        .resume()
        .on("end", () =>
          (answer.statusCode ?? 500) < 400 ? resolve() : reject(new Error(`${path}: ${answer.statusCode}`)),
        );
    });
    call.on("error", reject).end(body);
  });
}

async function gone(volume: string): Promise<void> {
  await expect
    .poll(
      () =>
        workspace.docker
          .getVolume(volume)
          .remove()
          .then(() => "gone", String),
      { timeout: 60_000 },
    )
    .toBe("gone");
}
