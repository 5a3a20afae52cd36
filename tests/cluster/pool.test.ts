import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PoolRig } from "./rig.ts";

let rig: PoolRig;
/** What the example's old server stands for: it is fronted, and no part of the pool. */
let old: Server;
/** In this order the example's mailbox, which has a volume, comes to n2 by its name. */
const NODES = ["n1", "n3", "n2"];
/** All but `lvchun` have a service of their own. */
let sites: string[];

beforeAll(async () => {
  rig = await PoolRig.create(3);
  old = createServer((_, answer) => answer.end("the old server")).listen(0, rig.servers.gateway);
  await once(old, "listening");
  sites = await rig.example(`http://${rig.servers.gateway}:${(old.address() as AddressInfo).port}`);
});
afterAll(async () => {
  old?.close();
  await rig?.close();
});

const all = () => NODES.map((name) => rig.node(name, ["manager", "edge"]));

test("three empty servers become a pool with the example cluster on it, and every edge of it serves every site", async () => {
  await rig.pool(all());
  const joined = await rig.run(["pool", "up", "--yes"]);
  expect([joined.code, joined.code === 0 ? "" : joined.all]).toEqual([0, ""]);
  await rig.seedImages("n1");
  const up = await rig.run(["up", "--yes"]);
  expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
  await rig.learnRoot();
  for (const server of NODES) {
    for (const site of sites) expect([site, server, await rig.visit(site, server)]).toEqual([site, server, "200"]);
  }
  expect((await rig.run(["plan"])).all).toContain("No changes");
});

test("the registry answers each node itself and nobody else", async () => {
  const status = "curl -s -o /dev/null -m 5 -w '%{http_code}'";
  const address = rig.servers.get("n1").address;
  for (const name of NODES) {
    const server = rig.servers.get(name);
    expect(await server.run(`${status} http://127.0.0.1:5325/v2/`)).toBe("200");
    expect(await server.run(`${status} http://${address}:5325/v2/ || true`)).toBe("000");
    expect(await server.run(`${status} http://${address}:5000/v2/ || true`)).toBe("000");
  }
});

test("a server that is lost takes no site along; it comes back with the current routes", async () => {
  const [home = ""] = await rig.placed("health", "n1");
  const victim = home === "n1" ? ((await rig.placed("finance", "n1")).find((name) => name !== "n1") ?? "n2") : home;
  const others = NODES.filter((name) => name !== victim);
  const failures: string[] = [];
  const state = { done: false };
  const visits = ["www", "finance"].flatMap((site) =>
    others.map(async (server) => {
      while (!state.done) {
        const at = Date.now();
        const answer = await rig.visit(site, server);
        if (answer !== "200") failures.push(`${site} at ${server}: ${answer}, asked ${at - cut} ms after the cut`);
        if (answer !== "200" && at - cut > 2000) failures.push(`late: ${site}`);
        await sleep(50);
      }
    }),
  );
  const cut = Date.now();
  await rig.servers.get(victim).cut();
  const back = await rig.until("health", others[0] ?? "", 20_000);
  // A change while it is away reaches the others, and it when it is back.
  await rig.edit("site-configs/finance.yaml", (text) => text.replace("/yjsgk", "/yjsgk-2025"));
  const up = await rig.run(["up", "--yes"]);
  state.done = true;
  await Promise.all(visits);
  expect(failures.filter((line) => line.startsWith("late"))).toEqual([]);
  expect(back).toBeLessThan(20_000);
  expect(up.all).toContain("does not answer; it takes the new routes when it is back");
  await rig.servers.get(victim).mend();
  await rig.until("www", victim, 60_000);
  // Its site went on all the while; until Swarm hears of that, as long as its pause between two tries has become.
  let status = await rig.run(["status"]);
  for (const end = Date.now() + 150_000; status.code !== 0 && Date.now() < end; await sleep(500))
    status = await rig.run(["status"]);
  expect([status.code, status.code === 0 ? "" : status.all]).toEqual([0, ""]);
});

test("a site with a volume is bound to the node that it is on, and that node is neither emptied nor let go", async () => {
  await rig.keep("mailbox", "n2", "/data/kept");
  const status = JSON.parse((await rig.run(["status", "--json"])).stdout) as {
    sites: { site: string; home?: string }[];
  };
  expect(status.sites.filter(({ home }) => home !== undefined)).toMatchObject([{ site: "mailbox", home: "n2" }]);
  expect((await rig.run(["status", "mailbox"])).stdout).toMatch(/^mailbox .* n2 \(data\)$/m);
  const drained = await rig.run(["pool", "drain", "n2"]);
  expect(drained.code).toBe(1);
  expect(drained.all).toContain(
    "n2: mailbox cannot move, because of data on its disk or a constraint (TERRACE_NODE_HAS_DATA)",
  );
  expect(drained.all).toContain("terrace pool drain n2 --with-data");
  await rig.add();
  const [n1, n3, n4] = ["n1", "n3", "n4"].map((name) => rig.node(name, ["manager", "edge"]));
  await rig.pool([n1, n3, n4].filter((node) => node !== undefined));
  const { code, all: written } = await rig.run(["pool", "up", "--yes"]);
  expect(code).toBe(1);
  expect(written).toContain("n2: the data of mailbox is on its disk (TERRACE_NODE_HAS_DATA)");
  expect(written).toContain("docs/recover.md");
  expect(await rig.nodes("n1")).toContain("n2 ready manager active");
  expect(await rig.visit("mailbox", "n1", 5000)).toBe("200");
});

test("a node that leaves the file is drained and gone, and a fourth is added", async () => {
  await rig.pool(["n1", "n2", "n4"].map((name) => rig.node(name, ["manager", "edge"])));
  const { code, all: written } = await rig.run(["pool", "up", "--yes"]);
  expect([code, code === 0 ? "" : written]).toEqual([0, ""]);
  // Where the node that left was the leader, the next one has yet to hear of the others: they are "unknown" for a moment.
  const members = ["n1", "n2", "n4"].map((name) => `${name} ready manager active`);
  await expect.poll(() => rig.nodes("n1").catch(String), { timeout: 30_000, interval: 500 }).toEqual(members);
  await rig.until("www", "n4", 60_000);
  const up = await rig.run(["up", "--yes"]);
  expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
  for (const site of sites) expect([site, await rig.visit(site, "n4")]).toEqual([site, "200"]);
});

/** Visits of all sites at one server until they answer; what the site with a volume has kept is there too. */
async function answersAt(server: string): Promise<void> {
  for (const site of sites) await rig.until(site, server, 90_000);
  expect(await rig.keeps("mailbox", "n2", "/data/kept")).toBe(true);
}

test("with most managers lost sites go on, and the Swarm is founded anew from the one that is left", async () => {
  const refused = await rig.run(["pool", "recover", "--confirm", rig.platform]);
  expect(refused.code).toBe(1);
  expect(refused.all).toContain("the Swarm has a leader: there is nothing to recover (TERRACE_POOL_HAS_QUORUM)");
  const own = sites.filter((site) => site !== "lvchun");
  const placed = new Map(await Promise.all(own.map(async (site) => [site, await rig.placed(site, "n2")] as const)));
  for (const name of ["n1", "n4"]) await rig.servers.get(name).powerOff();
  // Where both containers of a site were on lost servers, it is lost with them.
  const here = sites.filter((site) => placed.get(site)?.includes("n2"));
  for (const site of here) expect(await rig.until(site, "n2", 20_000)).toBeLessThan(20_000);
  // A leader that has lost the others goes on for some seconds before it takes itself for none.
  let status = await rig.run(["status"]);
  for (const end = Date.now() + 60_000; !status.all.includes("QUORUM") && Date.now() < end; await sleep(500))
    status = await rig.run(["status"]);
  expect(status.code).toBe(1);
  expect(status.all).toContain("the Swarm has lost more than half of its managers (TERRACE_POOL_NO_QUORUM)");
  expect(status.all).toMatch(/^mailbox +live .* 200 .* \? /m);
  const wrong = await rig.run(["pool", "recover", "--confirm", "another"]);
  expect(wrong.code).toBe(2);
  expect(wrong.all).toContain(`nothing was done: the platform is ${rig.platform}, not another (TERRACE_NOT_CONFIRMED)`);
  expect((await rig.run(["plan"])).all).toContain("TERRACE_POOL_NO_QUORUM");
  const recovered = await rig.run(["pool", "recover", "--confirm", rig.platform]);
  expect([recovered.code, recovered.code === 0 ? "" : recovered.all]).toEqual([0, ""]);
  expect(recovered.stdout).toContain("The Swarm has a leader again: n2. Taken out: n1, n4.");
  await expect.poll(() => rig.nodes("n2")).toEqual(["n2 ready manager active"]);
  await answersAt("n2");
});

test("the platform comes back on the servers that are left, with all images and the data", async () => {
  await rig.add();
  await rig.seedImages("n2");
  await rig.pool([rig.node("n2", ["manager", "edge"]), rig.node("n5", ["worker", "edge"])]);
  const joined = await rig.run(["pool", "up", "--yes"]);
  expect([joined.code, joined.code === 0 ? "" : joined.all]).toEqual([0, ""]);
  const up = await rig.run(["up", "--yes"]);
  expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
  for (const server of ["n2", "n5"]) await answersAt(server);
  expect((await rig.run(["plan"])).all).toContain("No changes");
  expect((await rig.run(["status"])).code).toBe(0);
});

test("lost managers that come back together leave what they know and join again", async () => {
  const back = ["n1", "n4"].map((name) => rig.servers.get(name));
  for (const server of back) await server.powerOn();
  // They are enough to elect one of them, and mostly do within a minute: then the Swarm as it was lives again, beside the one
  // that was founded anew. Elected or not, they are of the past.
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(1000))
    if ((await rig.nodes("n1").catch((): string[] => [])).includes("n4 ready manager active")) break;
  await rig.pool([
    ...["n1", "n2", "n4"].map((name) => rig.node(name, ["manager", "edge"])),
    rig.node("n5", ["worker", "edge"]),
  ]);
  const { code, all: written } = await rig.run(["pool", "up", "--yes"]);
  expect([code, code === 0 ? "" : written]).toEqual([0, ""]);
  expect(written).toContain("n1: leaves a Swarm that knows it no longer");
  const members = ["n1", "n2", "n4"].map((name) => `${name} ready manager active`);
  await expect
    .poll(() => rig.nodes("n2").catch(String), { timeout: 30_000, interval: 500 })
    .toEqual([...members, "n5 ready worker active"]);
  for (const server of ["n1", "n2"]) await answersAt(server);
});
