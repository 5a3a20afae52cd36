import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { appSite, writeApp } from "../support/app.ts";
import { inContainer } from "../support/containers.ts";
import { damage } from "../support/packs.ts";
import { Workspace } from "../support/workspace.ts";

/** A platform of two small sites, one of them static, whose proofs by restore find something. */
let workspace: Workspace;
let repository: string;

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "terrace-proofs-"));
  workspace = await Workspace.create();
  await writeApp(workspace);
  const never = { schedule: "0 0 1 1 *", prove: "never", check: "0 0 1 1 *" };
  await workspace.add("platform.yaml", stringify({ backup: { ...never, repository, smallest: "0KiB", shrink: 100 } }));
  await workspace.pages("www", "the portal");
  await workspace.site("notes", appSite("notes", { volumes: [{ name: "data", path: "/data", size: "1MiB" }] }));
  const { code, all } = await workspace.up();
  expect(code, all).toBe(0);
});

afterAll(async () => {
  await workspace.destroy();
  await rm(repository, { recursive: true });
});

test("a static site has nothing to restore: that is said, and it serves on", async () => {
  await backedUp("www");
  const { cluster, visitor } = workspace;
  const before = await cluster.tasks(cluster.web("www"));
  const { result, load } = await visitor.during("www", () => workspace.run("restore", "www", "--yes"));
  expect(result.stderr).toContain("www has no volume and no database to restore (TERRACE_NO_DATA)");
  expect(result.stderr).toContain("terrace restore www --files DIR");
  expect(result.stdout).not.toContain("Restored");
  expect(result.code).toBe(2);
  expect(load.failures).toEqual([]);
  expect(await cluster.tasks(cluster.web("www"))).toEqual(before);
});

test("a site's file and its pages come out of a backup, also of an older one, and nothing else is touched", async () => {
  const { docker, folder, name } = workspace;
  const file = await readFile(join(folder, "site-configs/www.yaml"), "utf8");
  const page = await readFile(join(folder, "site-content/www/index.html"), "utf8");
  const [first = ""] = await backups("www");
  await workspace.pages("www", "the new portal", { title: "New" });
  await workspace.write("site-content/www/中文 页/a b.txt", "a b");
  const changed = await workspace.up("www");
  expect(changed.code, changed.all).toBe(0);
  await backedUp("www");

  const old = await workspace.run("restore", "www", "--files", "old", "--at", first);
  expect(old.code, old.all).toBe(0);
  expect(old.stdout).toContain(`Wrote the files of www in the backup ${first} to old.`);
  const from = (path: string) => readFile(join(folder, path), "utf8");
  expect((await readdir(join(folder, "old"))).toSorted()).toEqual(["backup.json", "content", "site.yaml"]);
  expect([await from("old/site.yaml"), await from("old/content/index.html")]).toEqual([file, page]);
  expect(JSON.parse(await from("old/backup.json"))).toMatchObject({ site: "www", backup: first, volumes: [] });
  expect((await workspace.run("restore", "www", "--files", "new")).code).toBe(0);
  expect(await from("new/content/中文 页/a b.txt")).toBe("a b");
  expect(await from("new/site.yaml")).toContain("title: New");
  expect((await workspace.visitor.get("www")).body).toContain("the new portal");

  const full = await workspace.run("restore", "www", "--files", "old");
  expect(full.stderr).toContain("--files takes a folder that is new or empty; old has something in it (TERRACE_USAGE)");
  expect(full.code).toBe(2);
  const { Volumes } = await docker.listVolumes();
  expect(Volumes.map((one) => one.Name).filter((each) => each.startsWith(`${name}-backup_files`))).toEqual([]);
  const containers = await docker.listContainers({ all: true });
  expect(containers.flatMap(({ Names }) => Names).filter((each) => each.includes(`${name}-backup_files`))).toEqual([]);
});

test("a site that does not come up on what was backed up is told by the proof, and serves on", async () => {
  await workspace.visitor.get("notes", "/set/crash");
  await backedUp("notes");
  const down = await proven("notes");
  expect(down.all).toMatch(/✗ notes: prove failed \(no-answer\): on the restored data the site does not come up: /);
  await workspace.visitor.get("notes", "/set/broken");
  await backedUp("notes");
  const broken = await proven("notes");
  expect(broken.all).toContain("✗ notes: prove failed (no-answer): the home page answered 500");
  const told = await workspace.run("backup");
  expect(told.stdout).toContain("notes: the last proof by restore failed (no-answer, ");
  expect(told.code).toBe(1);
});

test("a pack that is damaged is told by the proof as damage, and the site serves on", async () => {
  await workspace.visitor.get("notes", "/set/kept");
  const web = await workspace.cluster.container(workspace.cluster.web("notes"));
  const fill = ["sh", "-c", "head -c 2000000 /dev/urandom >/data/big"];
  expect(await inContainer(web, fill)).toMatchObject({ code: 0 });
  await backedUp("notes");
  const mend = await damage(join(repository, "notes"));
  const damaged = await proven("notes");
  expect(damaged.all).toContain("✗ notes: prove failed (corrupt)");
  await mend();
  const { code, all } = await workspace.run("backup", "prove", "notes");
  expect(code, all).toBe(0);
});

test("what a proof leaves that was killed is removed by the next run, and told", async () => {
  const { child, ended, written } = workspace.start("backup", "prove", "notes");
  await expect.poll(written, { timeout: 120_000, interval: 50 }).toContain("start the site beside itself");
  child.kill("SIGKILL");
  expect((await ended).code).toBe("SIGKILL");
  expect(await ofProofs()).toEqual(expect.arrayContaining([expect.stringMatching(/_proof-notes-web$/)]));
  await backedUp("notes");
  expect(await ofProofs()).toEqual([]);
  const { stdout } = await workspace.run("backup", "history", "notes", "--json");
  const { runs } = JSON.parse(stdout) as { runs: { action: string; reason?: string }[] };
  expect(runs.filter(({ action }) => action === "prove")[0]).toMatchObject({ ok: false, reason: "killed" });
});

/** A proof that fails: it leaves nothing, and the site serves as if nothing were. */
async function proven(site: string) {
  const { result, load } = await workspace.visitor.during(site, () => workspace.run("backup", "prove", site));
  expect(result.code, result.all).toBe(1);
  expect(load.failures).toEqual([]);
  expect(await ofProofs()).toEqual([]);
  return result;
}

/** Names of all that a proof makes and the platform has. */
async function ofProofs(): Promise<string[]> {
  const { docker, name } = workspace;
  const [services, networks, { Volumes }] = await Promise.all([
    docker.listServices(),
    docker.listNetworks(),
    docker.listVolumes(),
  ]);
  const names = [...services.map(({ Spec }) => Spec?.Name ?? ""), ...networks.map((each) => each.Name ?? "")];
  return [...names, ...Volumes.map((each) => each.Name)].filter((each) => each.startsWith(`${name}-backup_proof`));
}

async function backedUp(site: string): Promise<void> {
  const { code, all } = await workspace.run("backup", "run", site);
  expect(code, all).toBe(0);
}

async function backups(site: string): Promise<string[]> {
  const { stdout } = await workspace.run("restore", site, "--list", "--json");
  return (JSON.parse(stdout) as { backup: string }[]).map(({ backup }) => backup);
}
