import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import type Dockerode from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appSite, writeApp } from "../support/app.ts";
import { backup, comesBack, fill, jobContainer, keepAt, working } from "../support/backups.ts";
import {
  hostAddress,
  RestServer,
  requireRepositories,
  resticByHand,
  SftpServer,
  SmallDisk,
} from "../support/repositories.ts";
import { requireS3, S3Server } from "../support/s3-server.ts";
import { Workspace } from "../support/workspace.ts";

/** One platform of two small sites, whose backups go to one place after another; each of these fails in its own way. */
let workspace: Workspace;
let rest: RestServer;
let sftp: SftpServer;
let far: SftpServer;
let s3: S3Server;
let disk: SmallDisk;
let password: string;

beforeAll(async () => {
  await requireRepositories();
  await requireS3();
  workspace = await Workspace.create();
  const host = await hostAddress(workspace.docker);
  const slow = S3Server.create(host);
  [rest, disk] = await Promise.all([RestServer.create(host), SmallDisk.create("20m")]);
  [sftp, far] = await Promise.all([SftpServer.create(host), SftpServer.create(host)]);
  await writeApp(workspace);
  const volumes = [{ name: "data", path: "/data", size: "1MiB" }];
  await workspace.site("notes", appSite("notes", { volumes }, { kind: "portal" }));
  await workspace.site("minutes", appSite("minutes", { volumes }));
  const secrets = {
    REST_USERNAME: rest.user,
    REST_PASSWORD: rest.password,
    CA_CERT: await rest.authority(),
    COPY_SFTP_KEY: await sftp.key(),
    COPY_SFTP_KNOWN_HOSTS: await sftp.knownHosts(),
  };
  await keepAt(
    workspace,
    { repository: rest.url, copy: sftp.url },
    { ...secrets, REST_PASSWORD: "not this one" },
    async () => {
      const set = await workspace.runWith(rest.password, "secret", "set", "backup", "REST_PASSWORD");
      expect(set.code, set.all).toBe(0);
    },
  );
  password = await exported();
  s3 = await slow;
});

afterAll(async () => {
  await workspace.destroy();
  await Promise.all([rest, sftp, far, s3, disk].map((place) => place?.close()));
});

test("a new site whose volume is empty is no failure yet, and is told", async () => {
  const run = await backup(workspace, "notes");
  expect(run.all).toMatch(/✓ notes: backup .*, 0KiB in 0 files/);
  expect(run.code).toBe(0);
  const { code, stdout } = await workspace.run("backup");
  expect(stdout).toContain("notes: it holds no data yet");
  expect(code).toBe(0);
});

test("a command that was killed leaves a job that nobody watches", async () => {
  const { child, ended } = workspace.start("backup", "run", "minutes");
  await jobContainer(workspace, "minutes", { ended });
  child.kill("SIGKILL");
  expect((await ended).code).toBe("SIGKILL");
});

test("a server that only takes keeps every backup, and a copy goes to another place by SFTP", async () => {
  await workspace.visitor.get("notes", "/set/kept");
  const run = await backup(workspace, "notes");
  expect(run.all).toMatch(/✓ notes: backup .*\n✓ notes: copy\n✓ notes: retention/);
  expect(run.all).toContain("the server removes nothing");
  expect(run.code).toBe(0);
  expect(await rest.names("notes", "snapshots")).toHaveLength(2);
  expect(await sftp.names("notes", "snapshots")).toHaveLength(2);
  for (const place of [rest, sftp]) expect(await place.names("notes", "locks")).toEqual([]);
  expect((await workspace.run("backup", "check", "notes")).code).toBe(0);

  await comesBack(workspace);
});

test("restic alone lists and restores what Terrace keeps", async () => {
  const at = ["-r", join(sftp.folder, "data/notes")];
  const listed = await resticByHand(password, [...at, "snapshots"]);
  expect(listed.all).toMatch(/part=files[\s\S]*2 snapshots/);
  const target = join(workspace.folder, "by-hand");
  const restored = await resticByHand(password, [
    ...at,
    "restore",
    "latest",
    "--tag",
    "part=files,kind=regular",
    "--target",
    target,
  ]);
  expect(restored.code, restored.all).toBe(0);
  expect(await readFile(join(target, "data/volumes/data/note"), "utf8")).toBe("kept");
});

test("a key is changed where nothing is removed, too: there the old one opens what it opened, and that is told", async () => {
  const old = password;
  const rotated = await workspace.run("backup", "key", "rotate");
  expect(rotated.code, rotated.all).toBe(0);
  expect(rotated.all).toContain("the server removes nothing: the old key opens this repository on");
  password = await exported();
  for (const key of [old, password]) expect(rotated.all).not.toContain(key);
  const opens = async (place: { folder: string }, key: string) => {
    const { code } = await resticByHand(key, ["-r", join(place.folder, "data/notes"), "snapshots"]);
    return code === 0;
  };
  expect(await Promise.all([rest, sftp].flatMap((place) => [opens(place, password), opens(place, old)]))).toEqual([
    ...[true, true],
    ...[true, false],
  ]);
});

test("a place that does not answer, or lets nobody in, is told within a minute and mended by itself", async () => {
  await rest.stop();
  const started = Date.now();
  await failing("notes", "unreachable");
  expect(Date.now() - started).toBeLessThan(60_000);
  await rest.start("another");
  await failing("notes", "denied");
  const { code, all } = await workspace.run("backup");
  expect(all).toContain("notes: the last backup failed (denied");
  expect(code).toBe(1);
  await rest.stop();
  await rest.start();
  await working(workspace, "notes");
});

test("the agent clears what a killed command left, and says what became of it", async () => {
  await expect.poll(() => jobs("minutes"), { timeout: 120_000, interval: 1000 }).toEqual([]);
  const { stdout } = await workspace.run("backup", "--json");
  const minutes = JSON.parse(stdout).sites.find(({ site }: { site: string }) => site === "minutes");
  expect(minutes.faults).toEqual([expect.stringMatching(/^the last backup failed \(killed, /)]);
  expect(await rest.names("minutes", "locks")).toEqual([]);
});

test("a full disk is told, leaves nothing half written, and is mended by room", async () => {
  await keepAt(workspace, { repository: disk.folder });
  await working(workspace, "minutes");
  await fill(workspace, "notes", 30);
  await failing("notes", "full");
  expect(await left("notes")).toEqual([]);
  await disk.resize("200m");
  await working(workspace, "notes");
});

test("a backup that lost most of its data has failed, and takes nothing older with it", async () => {
  const others = await snapshots("minutes");
  await fill(workspace, "notes", 0);
  await failing("notes", "tiny");
  await fill(workspace, "notes", 1);
  await failing("notes", "shrunken");
  expect(await snapshots("notes")).toHaveLength(3);
  // What failed is not what is restored next, unless somebody names it.
  const listed = await workspace.run("restore", "notes", "--list", "--json");
  expect((JSON.parse(listed.stdout) as { failed: boolean }[]).map(({ failed }) => failed)).toEqual([true, true, false]);
  const accepted = await backup(workspace, "notes", "--accept");
  expect(accepted.code, accepted.all).toBe(0);
  // What is kept is decided for one site alone, and what failed is kept for two weeks beside it.
  expect(await snapshots("notes")).toHaveLength(3);
  const kept = await workspace.run("restore", "notes", "--list", "--json");
  expect((JSON.parse(kept.stdout) as { failed: boolean }[]).map(({ failed }) => failed)).toEqual([false, true, true]);
  expect(await snapshots("minutes")).toEqual(others);
});

test("another password than the repository's is told, and nothing is written", async () => {
  const before = await snapshots("notes");
  await workspace.write("other.txt", "not the password\n");
  const importing = () => workspace.run("backup", "key", "import", "other.txt", "--yes");
  // The key that opens the backups is not given up.
  const refused = await importing();
  expect(refused.stderr).toMatch(/opens the backups of \w+, and is not this one \(TERRACE_BACKUP_KEY\)/);
  expect(refused.code).toBe(1);
  await working(workspace, "notes");
  await workspace.docker.getSecret(`${workspace.name}-backup_password`).remove();
  expect((await importing()).code).toBe(0);
  await failing("notes", "wrong-password");
  expect(await snapshots("notes")).toHaveLength(before.length);
  await workspace.write("right.txt", `${password}\n`);
  expect((await workspace.run("backup", "key", "import", "right.txt", "--yes")).code).toBe(0);
  const again = await workspace.run("backup", "key", "import", "right.txt", "--yes");
  expect(again.stdout).toContain("The cluster has this key already.");
  await working(workspace, "notes");
});

test("a job that is killed is told, and leaves no lock once the next one has run", async () => {
  await fill(workspace, "notes", 60);
  const before = await snapshots("notes");
  const running = workspace.start("backup", "run", "notes");
  await (await jobContainer(workspace, "notes", running)).kill();
  const { code, all } = await running.ended;
  expect(all).toContain("✗ notes: backup failed (killed)");
  expect(code).toBe(1);
  expect(await snapshots("notes")).toEqual(before);
  expect((await workspace.visitor.get("notes")).status).toBe(200);
  // Only the next job takes away what the killed one had no time to.
  await working(workspace, "notes");
  expect(await left("notes")).toEqual([]);
});

test("a restore that was killed while the site was stopped is ended by the next one", async () => {
  await workspace.visitor.get("notes", "/set/spoiled");
  const { child, ended } = workspace.start("restore", "notes", "--no-safety", "--yes");
  const web = workspace.docker.getService(workspace.cluster.web("notes"));
  const tasks = async () => (await web.inspect()).Spec.Mode.Replicated.Replicas as number;
  await expect.poll(tasks, { timeout: 120_000, interval: 50 }).toBe(0);
  child.kill("SIGKILL");
  await ended;
  const again = await workspace.run("restore", "notes", "--no-safety", "--yes");
  expect(again.code, again.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("kept");
  expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
});

test("both places can be reached by SFTP, each with a key of its own", async () => {
  await fill(workspace, "notes", 1);
  const keys = { SFTP_KEY: await far.key(), SFTP_KNOWN_HOSTS: await far.knownHosts() };
  const copy = { COPY_SFTP_KEY: await sftp.key(), COPY_SFTP_KNOWN_HOSTS: await sftp.knownHosts() };
  await keepAt(workspace, { repository: far.url, copy: sftp.url }, { ...keys, ...copy });
  const before = await sftp.names("notes", "snapshots");
  const run = await backup(workspace, "notes", "--accept");
  expect(run.all).toMatch(/✓ notes: backup .*\n✓ notes: copy\n✓ notes: retention/);
  expect(run.code).toBe(0);
  expect(await far.names("notes", "snapshots")).toHaveLength(1);
  expect(await sftp.names("notes", "snapshots")).toHaveLength(before.length + 1);
  for (const place of [far, sftp]) expect(await place.names("notes", "locks")).toEqual([]);
  await comesBack(workspace);
});

test("reading from a second place that there is not is refused", async () => {
  await keepAt(workspace, { repository: disk.folder });
  for (const command of [
    ["backup", "prove", "notes", "--from-copy"],
    ["restore", "notes", "--from-copy", "--list"],
  ]) {
    const { code, stderr } = await workspace.run(...command);
    expect(stderr).toContain("there is no second place of backups to read from (TERRACE_NO_BACKUP)");
    expect(stderr).toContain("platform.yaml, backup.copy");
    expect(code).toBe(2);
  }
  const all = await workspace.run("restore", "--all", "--from-copy", "--yes");
  expect(all.stderr).toContain("--all does not go with --from-copy (TERRACE_USAGE)");
  expect(all.code).toBe(2);
});

test("an S3 server keeps backups; a wrong key is told as such, and the right one is seen nowhere", async () => {
  const place = { repository: s3.url("backups") };
  const keys = { ...s3.keys, CA_CERT: await s3.authority() };
  await keepAt(workspace, place, { ...keys, AWS_SECRET_ACCESS_KEY: "not this one" });
  await failing("notes", "denied");
  await keepAt(workspace, place, keys);
  let seen: string | undefined;
  for (let attempt = 0; attempt < 3 && seen === undefined; attempt++) {
    const { ended } = workspace.start("backup", "run", "notes");
    seen = await seenOf(await jobContainer(workspace, "notes", { ended }));
    const run = await ended;
    expect(run.code, run.all).toBe(0);
    expect(run.all).not.toContain(s3.secretKey);
  }
  expect(seen).toContain(s3.url("backups"));
  expect(seen).not.toContain(s3.secretKey);

  const check = await workspace.run("backup", "check", "notes");
  expect(check.code, check.all).toBe(0);
  expect((await workspace.run("restore", "notes", "--list")).stdout.match(/\d{8}T\d{6}Z-/g)).toHaveLength(1);
  await comesBack(workspace);
  const listed = await resticByHand(password, [...s3.place("backups/notes"), "snapshots"], s3.keys);
  expect(listed.all).toMatch(/part=files[\s\S]*1 snapshots/);
});

test("an S3 server is the second place, and the only one once the first is lost", async () => {
  const keys = { ...s3.keys, CA_CERT: await s3.authority() };
  const copyKeys = Object.fromEntries(Object.entries(keys).map(([name, value]) => [`COPY_${name}`, value]));
  await keepAt(workspace, { repository: disk.folder, copy: s3.url("copies") }, copyKeys);
  await workspace.visitor.get("notes", "/set/kept");
  const run = await backup(workspace, "notes", "--accept");
  expect(run.all).toMatch(/✓ notes: backup .*\n✓ notes: copy\n✓ notes: retention/);
  expect(run.code).toBe(0);
  const target = join(workspace.folder, "from-the-copy");
  const latest = ["restore", "latest", "--tag", "part=files,kind=regular", "--target", target];
  const restored = await resticByHand(password, [...s3.place("copies/notes"), ...latest], s3.keys);
  expect(restored.code, restored.all).toBe(0);
  expect(await readFile(join(target, "data/volumes/data/note"), "utf8")).toBe("kept");

  await rm(join(disk.folder, "notes"), { recursive: true });
  await keepAt(workspace, { repository: s3.url("copies") }, keys);
  await comesBack(workspace);
  await working(workspace, "notes");
});

/** What can be seen of a job of `notes` while it runs; `undefined` where it was over, after some seconds, before all had been looked at. */
async function seenOf(container: Dockerode.Container): Promise<string | undefined> {
  const filters = { label: ["terrace.job", "terrace.site=notes"] };
  try {
    const [inspected, processes] = [await container.inspect(), await container.top()];
    return JSON.stringify([inspected, processes, await workspace.docker.listServices({ filters })]);
  } catch (error) {
    if ([404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) return undefined;
    throw error;
  }
}

/** The backup fails for a reason, and the site serves on. */
async function failing(site: string, reason: string): Promise<void> {
  const { code, all } = await backup(workspace, site);
  expect(all).toContain(`✗ ${site}: backup failed (${reason})`);
  expect(code).toBe(1);
  expect(await jobs(site)).toEqual([]);
  expect((await workspace.visitor.get(site)).status).toBe(200);
}

async function jobs(site: string): Promise<string[]> {
  const services = await workspace.docker.listServices({ filters: { label: ["terrace.job", `terrace.site=${site}`] } });
  return services.flatMap(({ Spec }) => Spec?.Name ?? []).filter((name) => name.startsWith(workspace.name));
}

function snapshots(site: string): Promise<string[]> {
  return readdir(join(disk.folder, site, "snapshots"));
}

/** Locks, and files that were not written to their end. */
async function left(site: string): Promise<string[]> {
  const all = await readdir(join(disk.folder, site), { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files.filter((path) => /\/locks\/|-tmp-/.test(path));
}

async function exported(): Promise<string> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const { stdout } = await workspace.run("backup", "key", "export", "--to", recipient);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return (await decrypter.decrypt(armor.decode(stdout), "text")).trim();
}
