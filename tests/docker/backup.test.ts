import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { inContainer } from "../support/containers.ts";
import { FaultySocket } from "../support/faulty-socket.ts";
import { damage } from "../support/packs.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let repository: string;

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
  await workspace.pages("clock", "tick", { backup: { schedule: "* * * * *", prove: "* * * * *" } });
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
  expect(backup.code, backup.all).toBe(0);
  expect(backup.all).toMatch(/✓ notes: backup .*✓ www: backup/s);
  expect(load.failures).toEqual([]);
  expect((await readdir(join(repository, "made/by/the/job"))).sort()).toEqual(["clock", "notes", "www"]);

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
    sites: [{ site: "clock" }, ...["notes", "www"].map((site) => ({ site, last: { files: 1 } }))],
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
});

test("a site that a killed restore left stopped starts again by itself, with its data", async () => {
  const killed = workspace.start("restore", "notes", "--no-safety", "--yes");
  const web = workspace.docker.getService(workspace.cluster.web("notes"));
  const tasks = async () => (await web.inspect()).Spec.Mode.Replicated.Replicas as number;
  await expect.poll(tasks, { timeout: 120_000, interval: 20 }).toBe(0);
  killed.child.kill("SIGKILL");
  await killed.ended;
  await expect.poll(tasks, { timeout: 180_000, interval: 1000 }).toBe(1);
  const back = ({ status }: { status: number }) => status === 200;
  expect((await workspace.visitor.until("notes", "/get", back)).body).toMatch(/^(spoiled|kept)$/);
  const { stdout } = await workspace.run("status", "notes", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ sites: [{ tasks: { running: 1, wanted: 1 } }] });
  expect(await filesOf("notes")).toEqual(["note"]);
});

test("what a restore had fetched that was killed before the site stopped does not stay in its volume", async () => {
  const killed = workspace.start("restore", "notes", "--no-safety", "--yes");
  await expect.poll(() => filesOf("notes"), { timeout: 120_000, interval: 20 }).toContain(".terrace-restore");
  killed.child.kill("SIGKILL");
  await killed.ended;
  await expect.poll(() => filesOf("notes").catch(() => []), { timeout: 180_000, interval: 1000 }).toEqual(["note"]);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).status).toBe(200);
});

test("a connection that is gone during a restore leaves no site stopped", async () => {
  const cut = workspace.start("restore", "notes", "--no-safety", "--yes");
  await expect.poll(cut.written, { timeout: 120_000, interval: 20 }).toContain("notes: stops for the restore");
  cut.child.kill("SIGHUP");
  const { code, all } = await cut.ended;
  expect(all).toContain("notes: starts again");
  expect(code).not.toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).status).toBe(200);
  expect(await filesOf("notes")).toEqual(["note"]);
});

test("a site that does not come up on what was restored is told", async () => {
  await workspace.visitor.get("notes", "/set/crash");
  expect((await workspace.run("backup", "run", "notes", "--accept")).code).toBe(0);
  await workspace.visitor.get("notes", "/set/well");
  const { code, all } = await workspace.run("restore", "notes", "--yes");
  expect(all).toMatch(/notes does not come up on what was restored: .*code 7.*\(TERRACE_SITE_DOWN\)/);
  expect(all).toContain("cannot open the letters");
  expect(code).toBe(1);
  const [, before = ""] = /terrace restore notes --at (\S+)/.exec(all) ?? [];
  expect((await workspace.run("restore", "notes", "--at", before, "--no-safety", "--yes")).code).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("well");
  expect((await workspace.run("backup", "run", "notes")).code).toBe(0);
});

test("a job that has ended and whose log comes late is waited for", async () => {
  const socket = await new FaultySocket().listen();
  let first: number | undefined;
  socket.refused = (call) => {
    if (!call.endsWith("/logs")) return false;
    first ??= Date.now();
    return Date.now() < first + 4000;
  };
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  try {
    const { code, all } = await workspace.run("backup", "run", "notes");
    expect(code, all).toBe(0);
    expect(first).toBeDefined();
  } finally {
    workspace.env = {};
    await socket.close();
  }
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
    [["www"], "www has no volume and no database to restore (TERRACE_NO_DATA)"],
    [["nobody"], "nobody is not backed up (TERRACE_NOT_BACKED_UP)"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await workspace.run("restore", ...args, "--yes");
    expect(stderr).toContain(message);
    expect(code).not.toBe(0);
  }
});

test("a flipped byte in the repository is told as damage, and the site serves on", async () => {
  const mend = await damage(join(repository, "made/by/the/job/www"));
  const checked = await workspace.run("backup", "check", "www");
  expect(checked.all).toContain("✗ www: check failed (corrupt)");
  expect(checked.code).toBe(1);
  const listed = await workspace.run("backup");
  expect(listed.all).toContain("www: the last check failed (corrupt");
  expect(listed.code).toBe(1);
  expect((await workspace.visitor.get("www")).status).toBe(200);
  await mend();
  expect((await workspace.run("backup", "check", "www")).code).toBe(0);
});

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
});

/** What is in the volume of a site's program. */
async function filesOf(site: string): Promise<string[]> {
  const container = await workspace.cluster.container(workspace.cluster.web(site));
  const { output } = await inContainer(container, ["ls", "-A", "/data"]);
  return output.split(/\s+/).filter((name) => name !== "");
}

async function exportKey(identity: string): Promise<string> {
  const { stdout, code } = await workspace.run("backup", "key", "export", "--to", await identityToRecipient(identity));
  expect(code).toBe(0);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return (await decrypter.decrypt(armor.decode(stdout), "text")).trim();
}
