import { statSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
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
}, 400_000);

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
}, 400_000);

test("a flipped byte in the repository is told as damage, and the site serves on", async () => {
  const data = join(repository, "made/by/the/job/www/data");
  const packs = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = packs.map(({ parentPath, name }) => ({
    path: join(parentPath, name),
    size: statSync(join(parentPath, name)).size,
  }));
  const { path = "" } = sizes.toSorted((a, b) => b.size - a.size)[0] ?? {};
  const bytes = await readFile(path);
  const spoiled = Buffer.from(bytes);
  const at = Math.floor(bytes.length / 3);
  spoiled[at] = (bytes[at] ?? 0) ^ 1;
  await chmod(path, 0o600);
  await writeFile(path, spoiled);
  const checked = await workspace.run("backup", "check", "www");
  expect(checked.all).toContain("✗ www: check failed (corrupt)");
  expect(checked.code).toBe(1);
  const listed = await workspace.run("backup");
  expect(listed.all).toContain("www: the last check failed (corrupt");
  expect(listed.code).toBe(1);
  expect((await workspace.visitor.get("www")).status).toBe(200);
  await writeFile(path, bytes);
  expect((await workspace.run("backup", "check", "www")).code).toBe(0);
}, 200_000);

test("the key is given out sealed; after its rotation another one opens the repositories", async () => {
  const identity = await generateX25519Identity();
  const first = await exportKey(identity);
  const rotated = await workspace.run("backup", "key", "rotate");
  expect(rotated.code, rotated.all).toBe(0);
  expect(rotated.all).toContain("3 repositories have another key.");
  const second = await exportKey(identity);
  expect(second).toMatch(/^\S{30,}$/);
  expect(second).not.toBe(first);
  expect(rotated.all).not.toContain(first);
  expect(rotated.all).not.toContain(second);
  const run = await workspace.run("backup", "run", "www");
  expect(run.code, run.all).toBe(0);
}, 300_000);

async function exportKey(identity: string): Promise<string> {
  const { stdout, code } = await workspace.run("backup", "key", "export", "--to", await identityToRecipient(identity));
  expect(code).toBe(0);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return (await decrypter.decrypt(armor.decode(stdout), "text")).trim();
}

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
