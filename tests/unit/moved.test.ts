import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeObject, connect, get, type RawService } from "../../modules/docker/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { allChanges, type Plan } from "../../stacks/model.ts";
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

test("the same things to another state, or from another one, are more than what was agreed to", async () => {
  const scale = (memory: string) => writeSite((text) => text.replace(/memory: \w+/, `memory: ${memory}`));
  await scale("48MiB");
  const shown = await planNow();
  expect(isWithin(await planNow(), shown)).toBe(true);
  await scale("64MiB");
  const edited = await planNow();
  const names = (plan: Plan) => allChanges(plan).map(({ action, name }) => `${action} ${name}`);
  expect(names(edited)).toEqual(names(shown));
  expect(isWithin(edited, shown)).toBe(false);

  await scale("48MiB");
  const docker = await connect();
  const services = await get<RawService[]>(docker, "/services");
  const web = services.find(({ Spec }) => Spec.Name === "honghe-site-s00001_web")?.ID ?? "";
  await changeObject<RawService>(docker, `/services/${web}`, ({ Spec }) => {
    return { ...Spec, Mode: { Replicated: { Replicas: 7 } } };
  });
  const byHand = await planNow();
  expect(names(byHand)).toEqual(names(shown));
  expect(isWithin(byHand, shown)).toBe(false);
});

test("redirects that were edited are more than what was agreed to", async () => {
  await writeSite((text) => text.replace("/contact.html", "/contacts.html"));
  const shown = await planNow();
  await writeSite((text) => text.replace("/contacts.html", "/people.html"));
  expect(isWithin(await planNow(), shown)).toBe(false);
});

async function writeSite(edit: (text: string) => string): Promise<void> {
  const path = join(root, "site-configs/s00001.yaml");
  await writeFile(path, edit(await readFile(path, "utf8")));
}
