import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listDatabases } from "../../modules/docker/index.ts";
import { guestbookSite, writeGuestbook } from "../support/guestbook.ts";
import { holdSiteImage } from "../support/shared-images.ts";
import { Workspace } from "../support/workspace.ts";

interface Entry {
  name: string;
  text: string;
}

describe("a site with a database", () => {
  let workspace: Workspace;
  const file = randomBytes(200_000);
  const database = (site: string) => `${workspace.name}-site-${site}_db`;

  beforeAll(async () => {
    workspace = await Workspace.create();
    await workspace.pages("www", "portal");
    await writeGuestbook(workspace);
    await workspace.site("guest", guestbookSite("guest", "mariadb"));
    await workspace.site("post-gres", guestbookSite("post-gres", "postgres"));
    const { code, all } = await workspace.up();
    expect(code, all).toBe(0);
    await holdSiteImage(workspace.docker, workspace.name, "guest");
  });

  afterAll(() => workspace?.destroy());

  const login = async (site: string) => {
    const found = (await listDatabases(workspace.docker, workspace.name)).find((each) => each.site === site);
    if (found === undefined) throw new Error(`${site} has no database`);
    return found.login;
  };

  /** Whether the password in a file of the database's own container opens the database for a user, over TCP. */
  const canEnter = async (site: string, user: string, file: string) => {
    const container = await workspace.cluster.container(database(site));
    const address = "$(hostname -i)";
    const client =
      site === "guest"
        ? `mariadb --host=${address} --user=${user} --password=$(cat /run/secrets/${file}) -e 'SELECT 1'`
        : `PGPASSWORD=$(cat /run/secrets/${file}) psql --host=${address} --username=${user} post_gres -c 'SELECT 1'`;
    return (await run(container, ["sh", "-c", `${client} >/dev/null 2>&1 && echo entered || echo refused`])).includes(
      "entered",
    );
  };

  const entries = async (site: string) =>
    (JSON.parse((await workspace.visitor.get(site, "/entries")).body) as Entry[]).map(({ name, text }) => [name, text]);

  test.each(["guest", "post-gres"])("%s keeps rows and files when its containers are killed", async (site) => {
    const { visitor, cluster } = workspace;
    for (const number of [1, 2, 3])
      expect((await visitor.post(site, "/entries", { name: `guest ${number}`, text: "红河's 梯田" })).status).toBe(201);
    expect((await visitor.post(site, "/uploads/photo.bin", file)).status).toBe(201);
    const killed = await Promise.all([database(site), cluster.web(site)].map((name) => cluster.container(name)));
    for (const container of killed) await container.kill();
    await Promise.all(killed.map((container) => container.wait()));
    const status = await workspace.run("status", site);
    // The site may be up again by now; the database takes longer.
    expect([status.code, status.stdout]).toEqual([1, expect.stringMatching(/\b[01]\/1 \+ db 0\/1/)]);
    const home = await visitor.until(site, "/", ({ status }) => status === 200, 60_000);
    expect(home.body).toContain("<p>entries: 3</p>\n<p>uploads: 1</p>");
    const first = (await login(site)).user;
    expect(await canEnter(site, first, "password")).toBe(true);
    expect(await canEnter(site, `${first}_b`, "password")).toBe(false);
    expect(await entries(site)).toEqual([1, 2, 3].map((number) => [`guest ${number}`, "红河's 梯田"]));
  });

  test("what Terrace made of it is as the files say, and is found again from the cluster", async () => {
    expect((await workspace.run("plan", "--detailed-exitcode")).all).toContain("No changes");
    const status = await workspace.run("status");
    expect([status.code, status.stdout.match(/1\/1 \+ db 1\/1/g)]).toEqual([0, ["1/1 + db 1/1", "1/1 + db 1/1"]]);
    expect((await workspace.run("logs", "post-gres", "--database")).stdout).toContain("ready to accept connections");
    expect(await workspace.run("logs", "www", "--database")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("www has no database"),
    });
    const found = await listDatabases(workspace.docker, workspace.name);
    expect(found.map(({ site, engine, database, login }) => ({ site, engine, database, login }))).toEqual([
      {
        site: "guest",
        engine: "mariadb",
        database: "guest",
        login: { number: 0, secret: `${workspace.name}-site-guest_db-password`, user: "guest" },
      },
      {
        site: "post-gres",
        engine: "postgres",
        database: "post_gres",
        login: { number: 0, secret: `${workspace.name}-site-post-gres_db-password`, user: "post_gres" },
      },
    ]);
  });

  test.each(["guest", "post-gres"])(
    "the password of %s is rotated while visitors come, and no request fails",
    async (site) => {
      const before = await login(site);
      const { result, load } = await workspace.visitor.during(site, () =>
        workspace.run("secret", "rotate", site, "DB_PASSWORD", "--yes"),
      );
      expect(result.code, result.all).toBe(0);
      expect(load.failures).toEqual([]);
      expect(load.requests).toBeGreaterThan(100);
      const after = await login(site);
      expect(after).toMatchObject({ number: before.number + 1 });
      expect(after.user).not.toBe(before.user);
      expect((await workspace.visitor.post(site, "/entries", { name: "after", text: "it" })).status).toBe(201);
      expect(await entries(site)).toContainEqual(["after", "it"]);
      expect((await workspace.run("plan", "--detailed-exitcode")).all).toContain("No changes");
      expect(await canEnter(site, before.user, "password")).toBe(false);
    },
  );

  /** The second of two rotations: it is the turn of the first user again, and the secret between the two is gone. */
  const requireTurnedBack = async (site: string, between: { number: number; secret: string }, first: string) => {
    expect(await login(site)).toMatchObject({ number: between.number + 1, user: first });
    const secrets = (await workspace.docker.listSecrets()).map(({ Spec }) => Spec?.Name ?? "");
    expect(secrets).not.toContain(between.secret);
    expect(await entries(site)).toContainEqual(["after", "it"]);
    expect((await workspace.visitor.post(site, "/entries", { name: "after", text: "two" })).status).toBe(201);
  };

  test("a value that is given is seen nowhere but in the container's file", async () => {
    const value = `sw0rd'fish\\${randomBytes(6).toString("hex")}"`;
    const mark = value.slice(11, 23);
    const seen = new Set<string>();
    const state = { done: false };
    const watch = (async () => {
      while (!state.done) {
        for (const line of await commandLines()) if (line.includes(mark)) seen.add(line);
        await sleep(20);
      }
    })();
    const between = await login("guest");
    const args = ["secret", "rotate", "guest", "DB_PASSWORD", "--stdin", "--yes"];
    const { code, all } = await workspace.runWith(`${value}\n`, ...args);
    state.done = true;
    await watch;
    expect(code, all).toBe(0);
    expect([...seen]).toEqual([]);
    const web = await workspace.cluster.container(workspace.cluster.web("guest"));
    expect(await run(web, ["cat", "/run/secrets/DB_PASSWORD"])).toContain(value);
    await requireTurnedBack("guest", between, "guest");
    const { docker } = workspace;
    const told = [
      all,
      (await workspace.run("plan", "--json")).all,
      (await workspace.run("secret", "list", "--json")).all,
    ];
    told.push(JSON.stringify([await docker.listServices(), await docker.listSecrets(), await docker.listTasks()]));
    for (const { Id } of await docker.listContainers({ all: true })) {
      const container = docker.getContainer(Id);
      const inspected = await container.inspect().catch(() => undefined);
      if (!inspected?.Name.includes(workspace.name)) continue;
      told.push(JSON.stringify(inspected), String(await container.logs({ stdout: true, stderr: true })));
    }
    for (const file of await readdir(workspace.folder, { recursive: true, withFileTypes: true }))
      if (file.isFile()) told.push(await readFile(join(file.parentPath, file.name), "utf8"));
    expect(told.filter((text) => text.includes(mark))).toEqual([]);
  });

  test("a password that the site does not come up with is taken back", async () => {
    const before = await login("post-gres");
    const health = { path: "/nowhere", interval: "1s", timeout: "15s", retries: 3, start: "10s" };
    await workspace.site("post-gres", guestbookSite("post-gres", "postgres", { health }));
    const { code, stderr } = await workspace.run("secret", "rotate", "post-gres", "DB_PASSWORD", "--yes");
    await workspace.site("post-gres", guestbookSite("post-gres", "postgres"));
    expect([code, stderr]).toEqual([1, expect.stringContaining("TERRACE_SITE_DOWN")]);
    expect(await login("post-gres")).toEqual(before);
    const offered = before.user === "post_gres" ? "post_gres_b" : "post_gres";
    expect(await canEnter("post-gres", offered, "password")).toBe(false);
    expect((await workspace.visitor.post("post-gres", "/entries", { name: "still", text: "in" })).status).toBe(201);
  });

  test("a rotation that is killed midway is finished by up and by the next rotation", async () => {
    const before = await login("post-gres");
    const killed = workspace.start("secret", "rotate", "post-gres", "DB_PASSWORD", "--yes");
    while (!/update service \S+-post-gres_web/.test(killed.written()) && killed.child.exitCode === null)
      await sleep(10);
    killed.child.kill("SIGKILL");
    expect((await killed.ended).code).toBe("SIGKILL");
    expect((await workspace.visitor.get("post-gres", "/")).status).toBe(200);
    const up = await workspace.run("up", "post-gres", "--yes");
    expect(up.code, up.all).toBe(0);
    const between = await login("post-gres");
    expect(between.number).toBe(before.number + 1);
    expect(await entries("post-gres")).toContainEqual(["still", "in"]);
    const again = await workspace.run("secret", "rotate", "post-gres", "DB_PASSWORD", "--yes");
    expect(again.code, again.all).toBe(0);
    await requireTurnedBack("post-gres", between, before.user);
  });

  test("a rotation that is stopped once the site has the new login leaves it in", async () => {
    const before = await login("post-gres");
    const stopped = workspace.start("secret", "rotate", "post-gres", "DB_PASSWORD", "--yes");
    while (!/update service \S+-post-gres_web/.test(stopped.written()) && stopped.child.exitCode === null)
      await sleep(10);
    const web = workspace.docker.getService(workspace.cluster.web("post-gres"));
    const secrets = async () => JSON.stringify((await web.inspect()).Spec.TaskTemplate.ContainerSpec.Secrets);
    await expect
      .poll(secrets, { timeout: 60_000, interval: 20 })
      .toContain(`post-gres_db-password-${before.number + 1}"`);
    stopped.child.kill("SIGINT");
    const { code, all } = await stopped.ended;
    expect(code).toBe(1);
    expect(all).toContain("post-gres runs with the new login: both are let in");
    expect(all).not.toContain("shut ");
    const up = await workspace.run("up", "post-gres", "--yes");
    expect(up.code, up.all).toBe(0);
    expect((await login("post-gres")).number).toBe(before.number + 1);
    expect(await entries("post-gres")).toContainEqual(["still", "in"]);
  });

  test("the database has no way out, and nobody but its site reaches it", async () => {
    const container = await workspace.cluster.container(database("guest"));
    // Of the three columns Iface, Destination and Gateway: no route to everywhere.
    expect(await run(container, ["cat", "/proc/net/route"])).not.toMatch(/^\S+\t00000000\t/m);
    const { Config, HostConfig } = await container.inspect();
    expect(Config.User).toBe("10001:10001");
    expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"] });
    const web = await workspace.cluster.container(workspace.cluster.web("post-gres"));
    expect(
      await run(web, ["bash", "-c", `exec 3<>/dev/tcp/${database("guest")}/3306 && echo reached || echo no`]),
    ).toContain("no");
  });

  test("another engine or name is refused; without its key the data stays, and is found again with it", async () => {
    const size = "100MiB";
    for (const database of [
      { engine: "mariadb", size },
      { engine: "postgres", name: "letters", size },
    ]) {
      await workspace.site("post-gres", guestbookSite("post-gres", "postgres", { database }));
      const { code, stderr } = await workspace.run("up", "post-gres", "--yes");
      expect([code, stderr]).toEqual([1, expect.stringContaining("TERRACE_DATABASE_CHANGED")]);
    }
    expect((await workspace.visitor.get("post-gres", "/")).status).toBe(200);
    await workspace.pages("post-gres", "closed for a while");
    const closed = await workspace.run("up", "post-gres", "--yes");
    expect(closed.code, closed.all).toBe(0);
    expect(await workspace.cluster.serviceNames()).not.toContain(database("post-gres"));
    expect(await workspace.cluster.volumes()).toContain(database("post-gres"));
    await workspace.site("post-gres", guestbookSite("post-gres", "postgres"));
    const open = await workspace.run("up", "post-gres", "--yes");
    expect(open.code, open.all).toBe(0);
    expect(await entries("post-gres")).toContainEqual(["still", "in"]);
    expect((await workspace.run("plan", "--detailed-exitcode")).all).toContain("No changes");
  });
});

/** Those of all processes of this machine, the containers' too. */
async function commandLines(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")));
}

async function run(container: Dockerode.Container, command: string[]): Promise<string> {
  const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  const pieces: Buffer[] = [];
  for await (const piece of stream as unknown as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}
