import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeObject, connect, get, type RawService } from "../../modules/docker/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import type { Plan } from "../../stacks/model.ts";
import { hasMoved, isWithin } from "../../stacks/moved.ts";
import { makePlan } from "../../stacks/plan.ts";
import { deploySimulated } from "../bench/plan-simulated.ts";
import { page, siteNames, writeSites } from "../bench/sites.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
let root: string;
const before = { host: process.env.DOCKER_HOST, cache: process.env.XDG_CACHE_HOME };

beforeEach(async () => {
  api = await new EngineApi({ startup: 0 }).listen();
  root = await mkdtemp(join(tmpdir(), "terrace-moved-test-"));
  process.env.DOCKER_HOST = api.host;
  process.env.XDG_CACHE_HOME = join(root, ".cache");
  await writeFile(join(root, "platform.yaml"), "platform: honghe\ndomain: honghe.localhost\n");
  await writeSites(root, siteNames(3));
  await deploySimulated(root, api);
});

afterEach(async () => {
  for (const [name, value] of [
    ["DOCKER_HOST", before.host],
    ["XDG_CACHE_HOME", before.cache],
  ] as const) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await api.close();
  await rm(root, { recursive: true, force: true });
});

async function planNow(): Promise<Plan> {
  const { platform, sites, asOf } = await loadWorkspace({ root });
  if (platform === undefined) throw new Error("platform.yaml is wrong");
  return makePlan({ docker: await connect(), root, platform, sites, date: asOf, only: [] });
}

test("what is locked and was written by somebody since the plan is seen; another site's change is not", async () => {
  const docker = await connect();
  await writeFile(join(root, "site-content/s00001/index.html"), page("s00001", "another edition"));
  const plan = await planNow();
  expect(await hasMoved(docker, plan, ["site-s00001"])).toBe(false);
  expect(await hasMoved(docker, plan, ["all"])).toBe(false);
  const services = await get<RawService[]>(docker, "/services");
  const web = (site: string) => services.find(({ Spec }) => Spec.Name === `honghe-site-${site}_web`)?.ID ?? "";
  const touch = (id: string) => changeObject<RawService>(docker, `/services/${id}`, ({ Spec }) => ({ ...Spec }));
  await touch(web("s00002"));
  expect(await hasMoved(docker, plan, ["site-s00001"])).toBe(false);
  expect(await hasMoved(docker, plan, ["all"])).toBe(true);
  await touch(web("s00001"));
  expect(await hasMoved(docker, plan, ["site-s00001"])).toBe(true);
});

test("a plan that does more than what was agreed to is told from one that does less", async () => {
  const nothing = await planNow();
  await writeFile(join(root, "site-content/s00001/index.html"), page("s00001", "another edition"));
  const some = await planNow();
  expect([isWithin(some, nothing), isWithin(nothing, some), isWithin(some, some)]).toEqual([false, true, true]);
});
