import { statSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { inContainer } from "../support/containers.ts";
import { guestbookSite, writeGuestbook } from "../support/guestbook.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let repository: string;
/** What the sites with a database hold once they are filled. */
const filled = new Map<string, { entries: string; uploads: string }>();

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "terrace-backups-"));
  workspace = await Workspace.create();
  await writeApp(workspace);
  await workspace.add(
    "platform.yaml",
    stringify({ backup: { repository: join(repository, "made/by/the/job"), smallest: "0KiB", spread: "0s" } }),
  );
  await workspace.pages("www", "the portal");
  await workspace.site("notes", appSite("notes", { volumes: [{ name: "data", path: "/data", size: "1MiB" }] }));
  await writeGuestbook(workspace);
  await workspace.site("book", guestbookSite("book", "mariadb"));
  await workspace.site("ledger", guestbookSite("ledger", "postgres"));
  await workspace.pages("clock", "tick", { backup: { schedule: "* * * * *", prove: "* * * * *" } });
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
  expect((await readdir(join(repository, "made/by/the/job"))).sort()).toEqual([
    "book",
    "clock",
    "ledger",
    "notes",
    "www",
  ]);

  await workspace.visitor.get("notes", "/set/spoiled");
  const restored = await workspace.run("restore", "notes", "--yes");
  expect(restored.code, restored.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("kept");

  // What the restore replaced was backed up first, and its last line says how to have it back.
  const [, safety = ""] = /terrace restore notes --at (\S+)/.exec(restored.stdout) ?? [];
  const putting = workspace.start("restore", "notes", "--at", safety, "--no-safety", "--yes");
  await expect.poll(putting.written, { timeout: 120_000, interval: 50 }).toContain("notes: stops for the restore");
  // Whoever deploys would start it in the midst of it.
  const meanwhile = await workspace.up("notes", "--no-wait");
  expect(meanwhile.all).toContain("site-notes is being changed by somebody else (TERRACE_LOCKED)");
  const back = await putting.ended;
  expect(back.code, back.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("spoiled");
  const { stdout } = await workspace.run("backup", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    sites: [
      ...["book", "clock", "ledger"].map((site) => ({ site })),
      ...["notes", "www"].map((site) => ({ site, last: { files: 1 } })),
    ],
  });
});

test("what was run for a site is remembered, the newest first", async () => {
  const { code, stdout } = await workspace.run("backup", "history", "notes", "--json");
  expect(code).toBe(0);
  const { runs } = JSON.parse(stdout) as { runs: { action: string; ok: boolean; safety?: true }[] };
  const words = runs.map(({ action, ok, safety }) => [action, ok, safety ?? false]);
  expect(words).toEqual([
    ["restore", true, false],
    ["restore", true, false],
    ["backup", true, true],
    ["retention", true, false],
    ["backup", true, false],
  ]);
  const shown = await workspace.run("backup", "history", "notes");
  expect(shown.stdout).toMatch(/BEGAN .*\n *\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +restore +\d+ s +ok /);
});

test("the agent runs what is due, one thing at a time", async () => {
  const runs = async () => {
    const { stdout } = await workspace.run("backup", "history", "clock", "--json");
    return (JSON.parse(stdout) as { runs: { action: string; ok: boolean; began: string; ended: string }[] }).runs;
  };
  const good = (action: string) => expect.objectContaining({ action, ok: true });
  await expect
    .poll(runs, { timeout: 150_000, interval: 2000 })
    .toEqual(expect.arrayContaining(["backup", "prove"].map(good)));
  const inTurn = (await runs()).toSorted((a, b) => a.began.localeCompare(b.began));
  for (const [at, { began }] of inTurn.entries()) {
    const before = inTurn[at - 1];
    if (before !== undefined) expect(began >= before.ended).toBe(true);
  }
  await workspace.pages("clock", "tick", { backup: "none" });
  expect((await workspace.up("clock")).code).toBe(0);
}, 200_000);

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
  await Promise.all(["book", "ledger"].map(fill));
  const { result: backup, load } = await visitor.during("book", () => workspace.run("backup", "run", "book", "ledger"));
  expect(load.failures).toEqual([]);
  for (const site of filled.keys()) {
    expect(backup.all).toMatch(new RegExp(`✓ ${site}: backup .*, 1 tables with 20 rows`));
  }
  const proof = await workspace.run("backup", "prove", "book", "ledger", "www");
  expect(proof.all).toMatch(/✓ book: prove\n✓ ledger: prove\n✓ www: prove/);
  expect((await docker.listVolumes()).Volumes?.filter((one) => one.Name.startsWith(`${name}-backup_proof`))).toEqual(
    [],
  );

  for (const part of ["web", "db"]) await docker.getService(`${name}-site-book_${part}`).remove();
  for (const part of ["uploads", "db"]) await gone(`${name}-site-book_${part}`);
  expect((await workspace.up()).code).toBe(0);
  expect(JSON.parse((await visitor.get("book", "/entries")).body)).toEqual([]);
  const restored = await workspace.run("restore", "book", "--no-safety", "--yes");
  expect(restored.code, restored.all).toBe(0);
  await expectFilled("book");
}, 400_000);

test("one path, the database or one volume is put back, and nothing beside it", async () => {
  const { visitor, cluster } = workspace;
  const web = await cluster.container(cluster.web("ledger"));
  const spoil = ["sh", "-c", "rm /var/lib/guestbook/uploads/file[01].bin"];
  expect(await inContainer(web, spoil)).toMatchObject({ code: 0 });
  expect((await visitor.post("ledger", "/entries", { name: "late", text: "late" })).status).toBe(201);
  const after = async (...what: string[]) => {
    const { code, all } = await workspace.run("restore", "ledger", ...what, "--no-safety", "--yes");
    expect(code, all).toBe(0);
    const entries = await visitor.until("ledger", "/entries", ({ status }) => status === 200);
    const uploads = JSON.parse((await visitor.get("ledger", "/uploads")).body) as { name: string }[];
    return [(JSON.parse(entries.body) as object[]).length, uploads.map(({ name }) => name).toSorted()];
  };
  expect(await after("--path", "/uploads/file0.bin")).toEqual([21, ["file0.bin", "file2.bin"]]);
  expect(await after("--database")).toEqual([20, ["file0.bin", "file2.bin"]]);
  expect(await after("--volume", "uploads")).toEqual([20, ["file0.bin", "file1.bin", "file2.bin"]]);
  await expectFilled("ledger");
  const none = await workspace.run("restore", "ledger", "--path", "/uploads/none", "--no-safety", "--yes");
  expect(none.stderr).toContain("the backup holds no /data/volumes/uploads/uploads/none");
  // Nothing of all these restores is left beside.
  const left = await inContainer(await cluster.container(cluster.web("ledger")), ["ls", "-A", "/var/lib/guestbook"]);
  expect(left).toEqual({ code: 0, output: "uploads\r\n" });
});

test("a copy is restored beside its site, which is not touched, whatever database it has", async () => {
  const { cluster, docker, name } = workspace;
  const db = await cluster.container(`${name}-site-book_db`);
  // A view belongs to the user of its own site's database.
  const view = "CREATE VIEW names AS SELECT name FROM entries";
  const script = `MYSQL_PWD=$(cat /run/secrets/password) mariadb -h127.0.0.1 -ubook book -e "${view}"`;
  expect(await inContainer(db, ["sh", "-c", script])).toEqual({ code: 0, output: "" });
  expect((await workspace.run("backup", "run", "book")).code).toBe(0);
  const before = await cluster.tasks(cluster.web("book"));
  for (const site of ["book", "ledger"]) {
    const copied = await workspace.run("restore", site, "--as", `${site}-old`, "--yes");
    expect(copied.code, copied.all).toBe(0);
    await expectFilled(site, `${site}-old`);
    await expectFilled(site);
  }
  expect(await cluster.tasks(cluster.web("book"))).toEqual(before);
  expect((await docker.listVolumes()).Volumes.map((one) => one.Name)).toContain(`${name}-site-book-old_uploads`);
  for (const [site, taken] of [
    ["notes", "book"],
    ["notes", "book-old"],
    ["notes", "www"],
    // It has its data by now, which may be in use.
    ["book", "book-old"],
  ] as const) {
    const { code, stderr } = await workspace.run("restore", site, "--as", taken, "--yes");
    expect(stderr).toContain(`there is a site ${taken} on this cluster, or data of one (TERRACE_SITE_EXISTS)`);
    expect(code).toBe(2);
  }
}, 300_000);

test("after a rotation, what was made before it is backed up and put back in place", async () => {
  const { cluster, name } = workspace;
  // On the sockets that only the server's own user reaches, in the name of the first login.
  const psql = "psql -XAtq -P pager=off -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres -d ledger";
  const clients = {
    book: 'mariadb --user=terrace book -NBe "$0"',
    ledger: `${psql} -c "SET ROLE ledger; $0"`,
  };
  const sql = async (site: "book" | "ledger", ...statements: string[]) => {
    const container = await cluster.container(`${name}-site-${site}_db`);
    const { code, output } = await inContainer(container, ["sh", "-c", clients[site], statements.join("; ")]);
    expect(code, output).toBe(0);
    return output.split(/\s+/).filter((word) => word !== "");
  };
  await sql(
    "book",
    "CREATE DEFINER=book VIEW heads AS SELECT name FROM entries",
    "CREATE DEFINER=book TRIGGER ring BEFORE INSERT ON entries FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '!')",
    "CREATE DEFINER=book PROCEDURE tally() SELECT COUNT(*) FROM entries",
    "CREATE DEFINER=book EVENT yearly ON SCHEDULE EVERY 1 YEAR DO DELETE FROM entries WHERE id < 0",
  );
  await sql(
    "ledger",
    "CREATE VIEW heads AS SELECT name FROM entries",
    "CREATE FUNCTION ring() RETURNS trigger AS $$BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END$$ LANGUAGE plpgsql",
    "CREATE TRIGGER ring BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION ring()",
    "SELECT lo_from_bytea(4711, 'kept')",
  );
  for (const site of ["book", "ledger"]) {
    const args = ["secret", "rotate", site, "DB_PASSWORD", "--stdin", "--yes"];
    const rotated = await workspace.runWith(`sw0rd'fish\\4f1c9a72e0b3"\n`, ...args);
    expect(rotated.code, rotated.all).toBe(0);
  }
  await sql("ledger", "ALTER DATABASE ledger CONNECTION LIMIT 0");
  const refused = await workspace.run("backup", "run", "ledger");
  expect(refused.all).toMatch(/✗ ledger: backup failed \(dump\): .*too many connections for database/);
  await sql("ledger", "ALTER DATABASE ledger CONNECTION LIMIT -1");
  const backup = await workspace.run("backup", "run", "book", "ledger");
  expect(backup.code, backup.all).toBe(0);
  const spoil = ["DROP VIEW heads", "DELETE FROM entries"];
  await sql("book", ...spoil);
  await sql("ledger", ...spoil, "SELECT lo_put(4711, 0, 'lost')", "SELECT lo_from_bytea(0, 'stray')");
  for (const site of ["book", "ledger"]) {
    const restored = await workspace.run("restore", site, "--no-safety", "--yes");
    expect(restored.code, restored.all).toBe(0);
    await expectFilled(site);
  }
  const heads = ["SELECT COUNT(*) FROM heads", "BEGIN", "INSERT INTO entries (name, text) VALUES ('rung', 'rung')"];
  const rung = ["SELECT name FROM entries WHERE text = 'rung'", "ROLLBACK"];
  const definers = "SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = 'book'";
  const book = await sql("book", ...heads, ...rung, definers, "CALL tally()", "SHOW EVENTS");
  expect(book.slice(0, 6)).toEqual(["20", "rung!", "book_b@%", "20", "book", "yearly"]);
  const objects = ["SELECT convert_from(lo_get(4711), 'UTF8')", "SELECT COUNT(*) FROM pg_largeobject_metadata"];
  expect(await sql("ledger", ...heads, ...rung, ...objects)).toEqual(["20", "rung!", "kept", "1"]);
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
  expect(rotated.all).toContain("5 repositories have another key.");
  const second = await exportKey(identity);
  expect(second).toMatch(/^\S{30,}$/);
  expect(second).not.toBe(first);
  expect(rotated.all).not.toContain(first);
  expect(rotated.all).not.toContain(second);
  const run = await workspace.run("backup", "run", "www");
  expect(run.code, run.all).toBe(0);
}, 300_000);

test("a cluster that was lost with its keys is rebuilt from the files, the repository and the escrowed key", async () => {
  const { visitor, name } = workspace;
  await visitor.get("notes", "/set/precious");
  const identity = await generateX25519Identity();
  const sealed = await workspace.run("backup", "key", "export", "--to", await identityToRecipient(identity));
  await workspace.write("backup-key.age", sealed.stdout);
  await workspace.write("key.txt", `${identity}\n`);
  expect((await workspace.run("backup", "run", "notes", "book", "ledger")).code).toBe(0);
  const lost = await workspace.run("destroy", "--confirm", name, "--volumes");
  expect(lost.code, lost.all).toBe(0);
  expect(await workspace.cluster.everything()).toEqual([]);
  for (const copy of ["book-old", "ledger-old"]) await workspace.remove(`site-configs/${copy}.yaml`);

  const without = await workspace.run("restore", "--all", "--yes");
  expect(without.stderr).toContain("none of the backups opens with the key that this cluster has (TERRACE_BACKUP_KEY)");
  expect(without.stderr).toContain("the key went with the lost cluster");
  expect(without.code).toBe(1);

  // What came up empty must not become the newest backup of what was lost.
  const key = ["backup-key.age", "--identity", "key.txt"];
  expect((await workspace.run("backup", "key", "import", ...key, "--yes")).code).toBe(0);
  const empty = await workspace.run("backup", "run", "notes");
  expect(empty.all).toMatch(
    /✗ notes: backup failed \(foreign\): the repository holds \d backups from before this cluster/,
  );
  const killed = workspace.start("restore", "--all", "--key", ...key, "--yes");
  await expect.poll(killed.written, { timeout: 120_000, interval: 50 }).toContain(": restored, as it was at ");
  killed.child.kill("SIGKILL");
  expect((await killed.ended).code).toBe("SIGKILL");
  const restored = await workspace.run("restore", "--all", "--key", ...key, "--yes");
  expect(restored.code, restored.all).toBe(0);
  const [book, ledger, notes, www] = restored.stdout.match(/(?<=^ *(?:book|ledger|notes|www) +)\w+/gm) ?? [];
  expect([book, ledger, notes].toSorted()).toEqual(["kept", expect.stringMatching(/kept|restored/), "restored"]);
  expect(www).toBe("none");
  expect(restored.stdout).toMatch(/[12] of 4 sites were put back, 0 failed\./);
  visitor.root = (await workspace.run("trust")).stdout;
  for (const site of filled.keys()) await expectFilled(site);
  expect((await visitor.get("notes", "/get")).body).toBe("precious");

  const again = await workspace.run("restore", "--all", "--json", "--yes");
  const sites = [
    ...["book", "ledger", "notes"].map((site) => ({ site, state: "kept" })),
    { site: "www", state: "no-data" },
  ];
  expect(JSON.parse(again.stdout)).toMatchObject({ sites });
  expect((await workspace.run("backup", "run", "notes")).all).toContain("✓ notes: backup");
}, 400_000);

/** A site holds what another one, or itself, was filled with. */
async function expectFilled(site: string, at = site): Promise<void> {
  const { visitor } = workspace;
  const { entries, uploads } = filled.get(site) ?? {};
  expect((await visitor.until(at, "/entries", ({ status }) => status === 200)).body).toBe(entries);
  expect((await visitor.get(at, "/uploads")).body).toBe(uploads);
}

async function exportKey(identity: string): Promise<string> {
  const { stdout, code } = await workspace.run("backup", "key", "export", "--to", await identityToRecipient(identity));
  expect(code).toBe(0);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return (await decrypter.decrypt(armor.decode(stdout), "text")).trim();
}

async function fill(site: string): Promise<void> {
  const { visitor } = workspace;
  const taken = async (path: string, body: Record<string, string> | Buffer) =>
    expect((await visitor.post(site, path, body)).status).toBeLessThan(400);
  for (let at = 0; at < 20; at++) await taken("/entries", { name: `n${at}`, text: `line\n(${at}),'"\\ 中文` });
  for (let at = 0; at < 3; at++) await taken(`/uploads/file${at}.bin`, Buffer.from(String(at).repeat(50_000)));
  const [entries, uploads] = await Promise.all(["/entries", "/uploads"].map((path) => visitor.get(site, path)));
  filled.set(site, { entries: entries?.body ?? "", uploads: uploads?.body ?? "" });
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
