import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PoolRig } from "./rig.ts";

let rig: PoolRig;
const NODES = ["n1", "n2", "n3"];
const SITES = ["www", "finance", "health"];

beforeAll(async () => {
  rig = await PoolRig.create(3);
  await rig.pages("www", 2);
  await rig.pages("finance", 2);
  await rig.pages("health", 1);
});
afterAll(() => rig?.close());

const all = () => NODES.map((name) => rig.node(name, ["manager", "edge"]));

test("three empty servers become a pool, and every edge of it serves every site", async () => {
  await rig.pool(all());
  const joined = await rig.run(["pool", "up", "--yes"]);
  expect([joined.code, joined.code === 0 ? "" : joined.all]).toEqual([0, ""]);
  await rig.seedImages("n1");
  const up = await rig.run(["up", "--yes"]);
  expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
  await rig.learnRoot();
  for (const server of NODES) {
    for (const site of SITES) expect([site, server, await rig.visit(site, server)]).toEqual([site, server, "200"]);
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
  await sleep(2000);
  // A change while it is away reaches the others, and it when it is back.
  await rig.pages("finance", 2, { redirects: [{ from: "/old", to: "/", status: 301 }] });
  const up = await rig.run(["up", "--yes"]);
  state.done = true;
  await Promise.all(visits);
  expect(failures.filter((line) => line.startsWith("late"))).toEqual([]);
  expect(back).toBeLessThan(20_000);
  expect(up.all).toContain("does not answer; it takes the new routes when it is back");
  await rig.servers.get(victim).mend();
  await rig.until("www", victim, 60_000);
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(500)) {
    if ((await rig.run(["status"])).code === 0) break;
  }
  const status = await rig.run(["status"]);
  expect([status.code, status.code === 0 ? "" : status.all]).toEqual([0, ""]);
});

test("a node that leaves the file is drained and gone, and a fourth is added", async () => {
  await rig.add();
  await rig.pool([
    rig.node("n1", ["manager", "edge"]),
    rig.node("n2", ["manager", "edge"]),
    rig.node("n4", ["manager", "edge"]),
  ]);
  const { code, all: written } = await rig.run(["pool", "up", "--yes"]);
  expect([code, code === 0 ? "" : written]).toEqual([0, ""]);
  // Where the node that left was the leader, the next one has yet to hear of the others: they are "unknown" for a moment.
  const members = ["n1", "n2", "n4"].map((name) => `${name} ready manager active`);
  await expect.poll(() => rig.nodes("n1").catch(String), { timeout: 30_000, interval: 500 }).toEqual(members);
  await rig.until("www", "n4", 60_000);
  const up = await rig.run(["up", "--yes"]);
  expect([up.code, up.code === 0 ? "" : up.all]).toEqual([0, ""]);
  for (const site of SITES) expect(await rig.visit(site, "n4")).toBe("200");
});
