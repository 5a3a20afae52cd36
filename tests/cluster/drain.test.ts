import { setTimeout as sleep } from "node:timers/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RestServer, requireRepositories } from "../support/repositories.ts";
import { PoolRig } from "./rig.ts";

const MINUTE = 60_000;
const FILE = "/srv/www/data/file";
let rig: PoolRig;
let repository: RestServer | undefined;

function nodes() {
  return [rig.node("n1", ["manager", "edge"]), rig.node("n2", ["worker", "edge"]), rig.node("n3", ["worker"])];
}

beforeAll(async () => {
  rig = await PoolRig.create(3);
  await rig.pool(nodes());
  await rig.pages("www", 2);
  await rig.pages("alone", 1);
  const joined = await rig.run(["pool", "up", "--yes"]);
  expect(joined.all).toContain("n3");
  expect(joined.code, joined.all).toBe(0);
  await rig.seedImages("n1");
  const up = await rig.run(["up", "--yes"]);
  expect(up.code, up.all).toBe(0);
  await rig.learnRoot();
}, 15 * MINUTE);
afterAll(async () => {
  await rig?.close();
  await repository?.close();
}, 5 * MINUTE);

/** Visits sites through a server until told to stop: what was answered other than 200, and how often it was asked. */
function visitors(server: string, sites: string[]) {
  const failed: string[] = [];
  let count = 0;
  let on = true;
  const one = async (site: string) => {
    while (on) {
      const answer = await rig.visit(site, server);
      count += 1;
      if (answer !== "200") failed.push(`${site}: ${answer}`);
      await sleep(20);
    }
  };
  const all = Promise.all([...sites, ...sites].map(one));
  return async () => {
    on = false;
    await all;
    return { failed, count };
  };
}

test(
  "a server is emptied without a failed request, also to a site of one container, and takes its share again",
  async () => {
    const [target = ""] = await rig.placed("alone", "n1");
    const through = target === "n1" ? "n2" : "n1";
    await rig.until("www", through, MINUTE);
    await rig.until("alone", through, MINUTE);
    const stop = visitors(through, ["www", "alone"]);
    const drained = await rig.run(["pool", "drain", target]);
    await sleep(3000);
    const { failed, count } = await stop();
    expect(drained.code, drained.all).toBe(0);
    expect(drained.all).toContain(`${target} is drained`);
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(20);
    expect((await rig.nodes("n1")).find((line) => line.startsWith(target))).toMatch(/ drain$/);
    const now = [...(await rig.placed("www", "n1")), ...(await rig.placed("alone", "n1"))];
    expect(now).not.toContain(target);
    expect(new Set(await rig.placed("www", "n1")).size).toBe(2);
  },
  10 * MINUTE,
);

test(
  "what stood together is spread when the server is active again",
  async () => {
    const [target = ""] = (await rig.nodes("n1"))
      .filter((line) => line.endsWith(" drain"))
      .map((line) => line.split(" ")[0] ?? "");
    const [other = ""] = (await rig.placed("www", "n1")).filter((name) => name !== "n1" && name !== target);
    // With one server left both of its containers stand there.
    if (other !== "" && other !== target) await rig.run(["pool", "drain", other]);
    const { code, all } = await rig.run(["pool", "activate", target]);
    expect(code, all).toBe(0);
    expect((await rig.nodes("n1")).find((line) => line.startsWith(target))).toMatch(/ active$/);
    expect(new Set(await rig.placed("www", "n1")).size).toBe(2);
  },
  10 * MINUTE,
);

test(
  "containers that an update may put on one server are on two when it is done, and old images leave the registry",
  async () => {
    const [first = "", second = ""] = await rig.placed("www", "n1");
    // As an update may: all of them come up on one server.
    await rig.servers.get("n1").run(`docker node update --availability pause ${second}`);
    await rig.servers.get("n1").run(`docker node update --availability pause ${other(first, second)}`);
    await rig.servers.get("n1").run(`docker service update -q --force ${rig.platform}-site-www_web`);
    expect(await rig.placed("www", "n1")).toEqual([first, first]);
    for (const name of [second, other(first, second)]) {
      expect((await rig.run(["pool", "activate", name, "--no-spread"])).code).toBe(0);
    }
    const crowded = await rig.run(["pool"]);
    expect(crowded.all).toContain(`www: its 2 containers are on ${first} only; terrace pool activate spreads them`);
    const before = await images("www");
    await rig.write("site-content/www/index.html", "<!doctype html><title>www</title><p>another</p>\n");
    const stop = visitors("n1", ["www"]);
    const up = await rig.run(["up", "--yes"]);
    const { failed } = await stop();
    expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
    expect(failed).toEqual([]);
    expect(new Set(await rig.placed("www", "n1")).size).toBe(2);
    // The version before is what Swarm goes back to, so it stays until there is another one.
    await rig.write("site-content/www/index.html", "<!doctype html><title>www</title><p>a third</p>\n");
    const again = await rig.run(["up", "--yes"]);
    expect(`${up.all}${again.all}`).toContain("removed an old image from the registry");
    const after = await images("www");
    expect(after.length).toBeGreaterThan(0);
    expect(before.filter((tag) => after.includes(tag))).toEqual([]);
  },
  10 * MINUTE,
);

/** The tags of a site's images in the registry. */
async function images(site: string): Promise<string[]> {
  const url = `http://127.0.0.1:5325/v2/${rig.platform}/site-${site}/tags/list`;
  return (JSON.parse(await rig.servers.get("n1").run(`curl -s ${url}`)) as { tags: string[] }).tags;
}

function other(first: string, second: string): string {
  return ["n1", "n2", "n3"].find((name) => name !== first && name !== second) ?? "";
}

test(
  "a server whose containers come up nowhere else is not emptied, and they go on",
  async () => {
    const [target = ""] = await rig.placed("alone", "n1");
    const server = rig.servers.get("n1");
    const image = (
      await server.run(
        `docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}}' ${rig.platform}-site-alone_web`,
      )
    ).trim();
    // Its image is nowhere else, and can't be had: the registry is away.
    await server.run(`docker service scale -d ${rig.platform}-registry_store=0`);
    const answer = () => server.run("curl -s -o /dev/null -m 5 -w '%{http_code}' http://127.0.0.1:5325/v2/ || true");
    await expect.poll(answer, { timeout: 30_000, interval: 500 }).not.toBe("200");
    for (const name of ["n1", "n2", "n3"].filter((each) => each !== target)) {
      await rig.servers.get(name).run(`docker image rm -f ${image.split("@")[0]} ${image} || true`);
    }
    const { code, all } = await rig.run(["pool", "drain", target]);
    expect(code).toBe(1);
    expect(all).toContain("alone could not be moved (TERRACE_NODE_BUSY)");
    expect(all).toContain("nothing was stopped");
    expect(await rig.visit("alone", "n1")).toBe("200");
    expect((await rig.nodes("n1")).find((line) => line.startsWith(target))).toMatch(/ pause$/);
    await server.run(`docker service scale -d ${rig.platform}-registry_store=1`);
    // The registry may be bound to this very server.
    expect((await rig.run(["pool", "activate", target])).code).toBe(0);
    await expect.poll(answer, { timeout: 60_000, interval: 500 }).toBe("200");
  },
  10 * MINUTE,
);

test(
  "the pool tells each server's share, and a server that is not there is named",
  async () => {
    // It is about servers: a broken site's file is told, and stops nothing.
    await rig.write("site-configs/broken.yaml", "title: [\n");
    const { code, stdout, all } = await rig.run(["pool"]);
    expect(all).toContain("site-configs/broken.yaml");
    expect(code).toBe(0);
    for (const name of ["n1", "n2", "n3"]) expect(stdout).toMatch(new RegExp(`^${name} .*GiB`, "m"));
    // What it reserves, and what its containers use.
    expect(stdout).toMatch(/^www +tt-\S+ +128MiB +\d+(?:\.\d+)?[KM]iB /m);
    // The registry is bound to its server, and no site needs it to go on.
    const first = await rig.run(["pool", "drain", "n1"]);
    expect([first.code, first.code === 0 ? "" : first.all]).toEqual([0, ""]);
    expect(first.all).toContain(`${rig.platform}-registry_store stays on n1, and stops with it`);
    expect((await rig.run(["pool", "activate", "n1"])).code).toBe(0);
    const missing = await rig.run(["pool", "drain", "n9"]);
    expect(missing.code).toBe(2);
    expect(missing.all).toContain("there is no node n9 in the Swarm (TERRACE_NO_SUCH_NODE)");
    await rig.remove("site-configs/broken.yaml");
  },
  5 * MINUTE,
);

test(
  "a volume on NFS is mounted on whatever node, as its file says; where that fails the site is refused with the reason",
  async () => {
    await rig.keeper("shared", { server: "127.0.0.1", path: "/exports/shared", options: ["nfsvers=4.1", "soft"] });
    const { code, all } = await rig.run(["up", "shared", "--yes"]);
    expect(code).toBe(1);
    expect(all).toContain("(TERRACE_SITE_DOWN)");
    // Nobody exports it, and a kernel may have no NFS at all.
    expect(all).toMatch(/does not start: .*mount :\/exports\/shared:\S+, data: addr=127\.0\.0\.1,nfsvers=4\.1,soft/);
    await rig.remove("site-configs/shared.yaml");
  },
  5 * MINUTE,
);

test(
  "a volume is backed up, proven and restored on the server that has it, which did not make the jobs' image",
  async () => {
    await requireRepositories();
    repository = await RestServer.create(rig.servers.gateway);
    await rig.backUpTo(repository);
    await rig.seedImages("n1", ["backup"]);
    await rig.pool(nodes());
    await ok("up", "--yes");
    await rig.keeper("vault");
    const server = rig.servers.get("n1");
    await server.run("docker node update --availability pause n1");
    await ok("up", "vault", "--yes");
    await server.run("docker node update --availability active n1");
    const [home = ""] = await rig.placed("vault", "n1");
    expect(["n2", "n3"]).toContain(home);
    await rig.keep("vault", home, FILE);
    expect(await ok("backup", "run", "vault", "www")).toContain("✓ vault: backup");
    expect(await ok("backup", "prove", "vault", "www")).toContain("✓ vault: prove");
    // Docker of the only manager falls over where a proof's last job is done, and is started again.
    const falls = { says: "ask for the home page", act: () => server.run("kill -9 $(pidof dockerd)") };
    const proven = await rig.run(["backup", "prove", "vault"], falls);
    expect([proven.code, proven.code === 0 ? "" : proven.all]).toEqual([0, ""]);
    await rig.lose("vault", home, FILE);
    await ok("restore", "vault", "--yes");
    await rig.until("vault", "n1", MINUTE);
    expect(await rig.placed("vault", "n1")).toEqual([home]);
    expect(await rig.keeps("vault", home, FILE)).toBe(true);
    for (const name of ["n1", "n2", "n3"]) {
      expect(await rig.servers.get(name).run("docker volume ls -q | grep -E 'proof|content' || true"), name).toBe("");
    }
  },
  10 * MINUTE,
);

test(
  "a retired site that comes back finds its volume on the server that has it",
  async () => {
    const [home = ""] = await rig.placed("vault", "n1");
    const file = "site-configs/vault.yaml";
    await rig.edit(file, (text) => `${text}retire: { redirect: 2026-01-05, to: "https://www.example.gov.cn/" }\n`);
    await ok("up", "--yes");
    await expect(rig.placed("vault", "n1")).rejects.toThrow("no such service");
    await rig.edit(file, (text) => text.replace(/^retire: .*\n/m, ""));
    // By its name it would be another one's.
    const server = rig.servers.get("n1");
    await server.run(`docker node update --availability pause ${home}`);
    const refused = await rig.run(["up", "vault", "--yes"]);
    expect(refused.all).toContain(`no node that is ready and active fulfils node.labels.terrace.node==${home}`);
    await server.run(`docker node update --availability active ${home}`);
    await ok("up", "vault", "--yes");
    expect(await rig.placed("vault", "n1")).toEqual([home]);
    expect(await rig.keeps("vault", home, FILE)).toBe(true);
  },
  5 * MINUTE,
);

/** Runs `terrace ARGS`, which must end well; all that it said. */
async function ok(...args: string[]): Promise<string> {
  const { code, all } = await rig.run(args);
  expect([code, code === 0 ? "" : all], args.join(" ")).toEqual([0, ""]);
  return all;
}

test(
  "nothing of the platform stays on any server's disk but what it is asked to leave",
  async () => {
    const left = async () => {
      const script = `docker volume ls -qf label=terrace.platform=${rig.platform}; docker images -q '127.0.0.1:5325/*/*'`;
      const said = ["n1", "n2", "n3"].map(async (name) => (await rig.servers.get(name).run(script)).trim());
      return Promise.all(said);
    };
    const identity = await generateX25519Identity();
    const sealed = await rig.run(["backup", "key", "export", "--to", await identityToRecipient(identity)]);
    await rig.write("backup-key.age", sealed.stdout);
    await rig.write("key.txt", `${identity}\n`);
    const { all: shown } = await rig.run(["destroy", "--volumes"]);
    expect(shown).toMatch(new RegExp(`volume ${rig.platform}-registry_relay on n3`));
    const { code, all } = await rig.run(["destroy", "--volumes", "--confirm", rig.platform]);
    expect([code, code === 0 ? "" : all]).toEqual([0, ""]);
    expect(await left()).toEqual(["", "", ""]);
  },
  5 * MINUTE,
);

test(
  "a pool that was lost is rebuilt from the files, the repository and the escrowed key",
  async () => {
    await rig.seedImages("n1", ["backup"]);
    const all = await ok("restore", "--all", "--key", "backup-key.age", "--identity", "key.txt", "--yes");
    expect(all).toMatch(/^ *vault +restored/m);
    await rig.learnRoot();
    for (const site of ["www", "alone", "vault"]) await rig.until(site, "n2", MINUTE);
    const [home = ""] = await rig.placed("vault", "n1");
    expect(await rig.keeps("vault", home, FILE)).toBe(true);
  },
  10 * MINUTE,
);
