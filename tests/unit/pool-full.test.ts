import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Dockerode from "dockerode";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect } from "../../modules/docker/index.ts";
import { carryOut, idsOf } from "../../modules/engine/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { allChanges, type Plan } from "../../stacks/model.ts";
import { makePlan } from "../../stacks/plan.ts";
import { runTerrace } from "../bench/measure.ts";
import { writeSites } from "../bench/sites.ts";
import { EngineApi } from "../support/engine-api.ts";

const MIB = 2 ** 20;
let api: EngineApi;
let docker: Dockerode;
let folder: string;
const hostBefore = process.env.DOCKER_HOST;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "terrace-full-"));
  api = await new EngineApi({ startup: 0 }).listen();
  process.env.DOCKER_HOST = api.host;
  process.env.XDG_CACHE_HOME = join(folder, ".cache");
  docker = await connect();
  await writeFile(join(folder, "platform.yaml"), "platform: simulated\ndomain: simulated.localhost\n");
  await writeSites(folder, ["www", "shop"]);
});

afterEach(async () => {
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  delete process.env.XDG_CACHE_HOME;
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function planned(): Promise<Plan> {
  const { platform, sites, asOf } = await loadWorkspace({ root: folder });
  if (platform === undefined) throw new Error("bad workspace");
  return makePlan({ docker, root: folder, platform, sites, date: asOf, only: [] });
}

async function deploy(plan: Plan): Promise<void> {
  const makeBase = async (reference: string) => api.swarm.addImage(reference);
  const run = { docker, signal: new AbortController().signal, makeBase, report: () => {}, ids: idsOf(plan.live) };
  await carryOut(plan.base, run);
  await carryOut(plan.extras, run);
  for (const { changes } of plan.sites) await carryOut(changes, run);
  await carryOut(plan.edgeChanges, run);
}

async function writeShop(memory: string, replicas = 1): Promise<void> {
  const site = { title: "Shop", kind: "service", domains: ["shop"], serve: { static: "site-content/shop" } };
  await writeFile(join(folder, "site-configs/shop.yaml"), JSON.stringify({ ...site, scale: { memory, replicas } }));
}

test("a site that fits nowhere is refused with what is missing; the others are planned, and nothing was written", async () => {
  await writeShop("300MiB", 2);
  api.swarm.memory = 1024 * MIB;
  const plan = await planned();
  const shop = plan.sites.find(({ site }) => site.name === "shop");
  expect(shop?.fault).toMatchObject({
    code: "TERRACE_POOL_FULL",
    message: "shop: 1 of its 2 containers fit on no node: each reserves 300MiB of memory",
    why: "simulated has most left to reserve, 180MiB: 120MiB are missing",
  });
  expect(shop?.changes).toEqual([]);
  expect(plan.sites.find(({ site }) => site.name === "www")?.changes.map(({ kind }) => kind)).toContain("service");
  expect(api.writes).toEqual([]);
});

test("of many sites that find no room all are named, and not all are told at length", async () => {
  await writeSites(folder, ["www", "shop", ...Array.from({ length: 30 }, (_, index) => `s${index}`)]);
  api.swarm.memory = 840 * MIB;
  const { code, output } = await runTerrace(["plan"], { cwd: folder, env: { DOCKER_HOST: api.host } });
  expect(code).toBe(1);
  const refused = (await planned()).sites.filter(({ fault }) => fault !== undefined).map(({ site }) => site.name);
  expect(refused.length).toBeGreaterThan(10);
  expect(output.match(/fit on no node/g)).toHaveLength(3);
  expect(output).toContain(
    `error the same of ${refused.length - 3} more (TERRACE_POOL_FULL): ${refused.slice(3).join(", ")}\n`,
  );
});

test("what the platform itself needs must fit", async () => {
  api.swarm.memory = 256 * MIB;
  await expect(planned()).rejects.toMatchObject({
    code: "TERRACE_POOL_FULL",
    message: /simulated-edge_caddy: 1 fit on no node/,
  });
});

test("a change needs room for the new beside the old; a plan without changes does not read the pool", async () => {
  await writeShop("400MiB");
  api.swarm.memory = 1200 * MIB;
  await deploy(await planned());
  api.forget();
  expect(allChanges(await planned())).toEqual([]);
  expect(api.calls.map(({ path }) => path)).not.toContain("/nodes");
  await writeShop("410MiB");
  const plan = await planned();
  expect(plan.sites.find(({ site }) => site.name === "shop")?.fault).toMatchObject({
    message: "shop: 1 of its 1 containers fit on no node: each reserves 410MiB of memory, while the old one still runs",
  });
});
