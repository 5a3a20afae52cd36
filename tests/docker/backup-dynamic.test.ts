import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { inContainer } from "../support/containers.ts";
import { guestbookSite, writeGuestbook } from "../support/guestbook.ts";
import { holdSiteImage } from "../support/shared-images.ts";
import { type Ended, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let repository: string;
/** The sites with a database. */
const dynamic = ["book", "ledger"] as const;
/** What these hold. */
const filled = new Map<string, { entries: string; uploads: string; count: number }>();

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "terrace-backups-"));
  workspace = await Workspace.create();
  await writeApp(workspace);
  await workspace.add(
    "platform.yaml",
    stringify({ backup: { repository: repository, smallest: "0KiB", spread: "0s" } }),
  );
  await workspace.pages("www", "the portal");
  await workspace.site("notes", appSite("notes", { volumes: [{ name: "data", path: "/data", size: "1MiB" }] }));
  await writeGuestbook(workspace);
  await workspace.site("book", guestbookSite("book", "mariadb"));
  await workspace.site("ledger", guestbookSite("ledger", "postgres"));
  const { code, all } = await workspace.up();
  expect(all, all).toContain("Done");
  expect(code).toBe(0);
  await holdSiteImage(workspace.docker, workspace.name, "book");
});

afterAll(async () => {
  await workspace.destroy();
  await rm(repository, { recursive: true });
});

test("dynamic sites backed up while they are read and written are restored as they were at one moment, and proven", async () => {
  const { visitor, docker, name } = workspace;
  await Promise.all(dynamic.map(fill));
  const { result, load } = await visitor.during("book", () => writing(() => workspace.run("backup", "run")));
  const { ended: backup, written } = result;
  expect(load.failures).toEqual([]);
  const rows = new Map(
    dynamic.map((site) => {
      const [, count = ""] = new RegExp(`✓ ${site}: backup .*, 1 tables with (\\d+) rows`).exec(backup.all) ?? [];
      return [site, Number(count)];
    }),
  );
  const proof = await workspace.run("backup", "prove", ...dynamic, "www");
  expect(proof.all).toMatch(/✓ book: prove\n✓ ledger: prove\n✓ www: prove/);
  expect((await docker.listVolumes()).Volumes?.filter((one) => one.Name.startsWith(`${name}-backup_proof`))).toEqual(
    [],
  );

  const services = dynamic.flatMap((site) => ["web", "db"].map((part) => `${name}-site-${site}_${part}`));
  await Promise.all(services.map((service) => docker.getService(service).remove()));
  await Promise.all(dynamic.flatMap((site) => ["uploads", "db"].map((part) => gone(`${name}-site-${site}_${part}`))));
  const plan = await workspace.run("plan", "book");
  expect(plan.stdout).toMatch(/create volume \S+_uploads \(empty\).*book: .* its volume \S+_uploads is gone, too/s);
  const half = await workspace.run("restore", "book", "--no-safety", "--yes");
  expect(half.stderr).toContain("book was not touched: its database does not run (TERRACE_RESTORE_FAILED)");
  expect((await workspace.up()).code).toBe(0);
  expect(JSON.parse((await visitor.get("book", "/entries")).body)).toEqual([]);
  await Promise.all(
    dynamic.map(async (site) => {
      await ok("restore", site, "--no-safety", "--yes");
      const before = filled.get(site);
      const { entries, uploads, count } = await remember(site);
      expect([site, count]).toEqual([site, rows.get(site)]);
      // What was there before; then what was written until the dump began, without a gap; and some of it came later.
      expect(entries.startsWith(before?.entries.replace(/]\s*$/, ",") ?? "?"), entries).toBe(true);
      const added = (JSON.parse(entries) as { name: string }[]).slice(before?.count).map((one) => one.name);
      expect(added).toEqual(added.map((_, at) => `w${at}`));
      expect(added.length).toBeGreaterThan(0);
      expect(added.length).toBeLessThan(written.get(site) ?? 0);
      // A row is written after its file: no row without its file, and no file in part.
      const files = JSON.parse(uploads) as Upload[];
      expect(files).toEqual(expect.arrayContaining(JSON.parse(before?.uploads ?? "[]") as Upload[]));
      const late = files.filter((one) => one.name.startsWith("w"));
      expect(late).toEqual(late.map(({ name }) => wholeUpload(Number.parseInt(name.slice(1), 10))));
      expect(late.map((one) => one.name)).toEqual(expect.arrayContaining(added.map((each) => `${each}.bin`)));
    }),
  );
}, 900_000);

test("one path, the database or one volume is put back, and nothing beside it", async () => {
  const { visitor, cluster } = workspace;
  const web = await cluster.container(cluster.web("ledger"));
  const spoil = ["sh", "-c", "rm /var/lib/guestbook/uploads/file[01].bin"];
  expect(await inContainer(web, spoil)).toMatchObject({ code: 0 });
  expect((await visitor.post("ledger", "/entries", { name: "late", text: "late" })).status).toBe(201);
  const after = async (...what: string[]) => {
    await ok("restore", "ledger", ...what, "--no-safety", "--yes");
    const entries = await visitor.until("ledger", "/entries", ({ status }) => status === 200);
    const uploads = JSON.parse((await visitor.get("ledger", "/uploads")).body) as { name: string }[];
    const names = uploads.map(({ name }) => name).filter((one) => one.startsWith("file"));
    return [(JSON.parse(entries.body) as object[]).length, names.toSorted()];
  };
  const count = filled.get("ledger")?.count ?? 0;
  expect(await after("--path", "/uploads/file0.bin")).toEqual([count + 1, ["file0.bin", "file2.bin"]]);
  expect(await after("--database")).toEqual([count, ["file0.bin", "file2.bin"]]);
  expect(await after("--volume", "uploads")).toEqual([count, ["file0.bin", "file1.bin", "file2.bin"]]);
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
  await Promise.all(
    dynamic.map(async (site) => {
      await ok("restore", site, "--as", `${site}-old`, "--yes");
      await expectFilled(site, `${site}-old`);
      await expectFilled(site);
    }),
  );
  expect(await cluster.tasks(cluster.web("book"))).toEqual(before);
  expect((await docker.listVolumes()).Volumes.map((one) => one.Name)).toContain(`${name}-site-book-old_uploads`);
  const refused = [
    ["notes", "book"],
    ["notes", "book-old"],
    ["notes", "www"],
    // It has its data by now, which may be in use.
    ["book", "book-old"],
  ] as const;
  await Promise.all(
    refused.map(async ([site, taken]) => {
      const { code, stderr } = await workspace.run("restore", site, "--as", taken, "--yes");
      expect(stderr).toContain(`there is a site ${taken} on this cluster, or data of one (TERRACE_SITE_EXISTS)`);
      expect(code).toBe(2);
    }),
  );
});

test("after a rotation, what was made before it is backed up and put back in place", async () => {
  const { cluster, name } = workspace;
  // On the sockets that only the server's own user reaches, in the name of the first login.
  const psql = "psql -XAtq -P pager=off -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres -d ledger";
  const clients = {
    book: 'mariadb --user=terrace book -NBe "$0"',
    ledger: `${psql} -c "SET ROLE ledger; $0"`,
  };
  const sql = async (site: (typeof dynamic)[number], ...statements: string[]) => {
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
  await Promise.all(
    dynamic.map(async (site) => {
      const args = ["secret", "rotate", site, "DB_PASSWORD", "--stdin", "--yes"];
      const rotated = await workspace.runWith(`sw0rd'fish\\4f1c9a72e0b3"\n`, ...args);
      expect(rotated.code, rotated.all).toBe(0);
    }),
  );
  await sql("ledger", "ALTER DATABASE ledger CONNECTION LIMIT 0");
  const refused = await workspace.run("backup", "run", "ledger");
  expect(refused.all).toMatch(/✗ ledger: backup failed \(dump\): .*too many connections for database/);
  await sql("ledger", "ALTER DATABASE ledger CONNECTION LIMIT -1");
  await ok("backup", "run", ...dynamic);
  const spoil = ["DROP VIEW heads", "DELETE FROM entries"];
  await sql("book", ...spoil);
  await sql("ledger", ...spoil, "SELECT lo_put(4711, 0, 'lost')", "SELECT lo_from_bytea(0, 'stray')");
  await Promise.all(
    dynamic.map(async (site) => {
      await ok("restore", site, "--no-safety", "--yes");
      await expectFilled(site);
    }),
  );
  const heads = ["SELECT COUNT(*) FROM heads", "BEGIN", "INSERT INTO entries (name, text) VALUES ('rung', 'rung')"];
  const rung = ["SELECT name FROM entries WHERE text = 'rung'", "ROLLBACK"];
  const definers = "SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = 'book'";
  const book = await sql("book", ...heads, ...rung, definers, "CALL tally()", "SHOW EVENTS");
  const [books, ledgers] = dynamic.map((site) => String(filled.get(site)?.count));
  expect(book.slice(0, 6)).toEqual([books, "rung!", "book_b@%", books, "book", "yearly"]);
  const objects = ["SELECT convert_from(lo_get(4711), 'UTF8')", "SELECT COUNT(*) FROM pg_largeobject_metadata"];
  expect(await sql("ledger", ...heads, ...rung, ...objects)).toEqual([ledgers, "rung!", "kept", "1"]);
}, 900_000);

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
}, 900_000);

/** A site holds what another one, or itself, was filled with. */
async function expectFilled(site: string, at = site): Promise<void> {
  const { visitor } = workspace;
  const { entries, uploads } = filled.get(site) ?? {};
  expect((await visitor.until(at, "/entries", ({ status }) => status === 200)).body).toBe(entries);
  expect((await visitor.get(at, "/uploads")).body).toBe(uploads);
}

async function fill(site: string): Promise<void> {
  const { visitor } = workspace;
  const taken = async (path: string, body: Record<string, string> | Buffer) =>
    expect((await visitor.post(site, path, body)).status).toBeLessThan(400);
  for (let at = 0; at < 20; at++) await taken("/entries", { name: `n${at}`, text: `line\n(${at}),'"\\ 中文` });
  for (let at = 0; at < 3; at++) await taken(`/uploads/file${at}.bin`, Buffer.from(String(at).repeat(50_000)));
  await remember(site);
}

/** What a site holds now is what it is expected to hold from here on. */
async function remember(site: string) {
  const { visitor } = workspace;
  const { body: entries } = await visitor.until(site, "/entries", ({ status }) => status === 200);
  const { body: uploads } = await visitor.get(site, "/uploads");
  const held = { entries, uploads, count: (JSON.parse(entries) as object[]).length };
  filled.set(site, held);
  return held;
}

/** A file as the site lists it. */
interface Upload {
  name: string;
  size: number;
  sha256: string;
}

function bytesOf(at: number): Buffer {
  return Buffer.alloc(50_000, at);
}

/** What a site lists of a file that was written while it was backed up, where it has all of it. */
function wholeUpload(at: number): Upload {
  const bytes = bytesOf(at);
  return { name: `w${at}.bin`, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Writes to the sites all the time, a file and then a row, while `work` runs: how many rows each site took. */
async function writing(work: () => Promise<Ended>): Promise<{ ended: Ended; written: Map<string, number> }> {
  const { visitor } = workspace;
  const written = new Map<string, number>();
  let done = false;
  const writers = dynamic.map(async (site) => {
    for (let at = 0; !done; at++) {
      const file = await visitor.post(site, `/uploads/w${at}.bin`, bytesOf(at));
      const row = await visitor.post(site, "/entries", { name: `w${at}`, text: "written meanwhile" });
      expect([site, at, file.status, row.status]).toEqual([site, at, 201, 201]);
      written.set(site, at + 1);
      await sleep(50);
    }
  });
  try {
    await expect.poll(() => written.size).toBe(dynamic.length);
    return { ended: await work(), written };
  } finally {
    done = true;
    await Promise.all(writers);
  }
}

/** A command that is to end well. */
async function ok(...args: string[]): Promise<Ended> {
  const ended = await workspace.run(...args);
  expect(ended.code, ended.all).toBe(0);
  return ended;
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
