import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeObject, connect, get, type RawService } from "../../modules/docker/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import type { Plan } from "../../stacks/model.ts";
import { hasMoved, isWithin } from "../../stacks/moved.ts";
import { makePlan } from "../../stacks/plan.ts";
import { page } from "../bench/sites.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";

let simulated: SimulatedWorkspace;
let root: string;

beforeEach(async () => {
  simulated = await SimulatedWorkspace.create(3);
  root = simulated.root;
});

afterEach(() => simulated.close());

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
