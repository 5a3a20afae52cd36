import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PoolRig } from "./rig.ts";

const MINUTE = 60_000;
let rig: PoolRig;

beforeAll(async () => {
  rig = await PoolRig.create(3);
  await rig.pool([rig.node("n1", ["manager", "edge"]), rig.node("n2", ["worker", "edge"]), rig.node("n3", ["worker"])]);
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
afterAll(() => rig?.close(), 5 * MINUTE);

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
  "the pool tells each server's share, and a server that is not there is named",
  async () => {
    const { code, stdout } = await rig.run(["pool"]);
    expect(code).toBe(0);
    for (const name of ["n1", "n2", "n3"]) expect(stdout).toMatch(new RegExp(`^${name} .*GiB`, "m"));
    const missing = await rig.run(["pool", "drain", "n9"]);
    expect(missing.code).toBe(2);
    expect(missing.all).toContain("there is no node n9 in the Swarm (TERRACE_NO_SUCH_NODE)");
  },
  5 * MINUTE,
);
