import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Dockerode from "dockerode";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { call, connect } from "../../modules/docker/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { allChanges, isEmpty } from "../../stacks/model.ts";
import { makePlan } from "../../stacks/plan.ts";
import { deploySimulated } from "../bench/plan-simulated.ts";
import { siteNames, writeSites } from "../bench/sites.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
const hostBefore = process.env.DOCKER_HOST;

async function engine(newest: string, oldest: string): Promise<void> {
  api = await new EngineApi({ startup: 0, versions: { newest, oldest } }).listen();
  process.env.DOCKER_HOST = api.host;
}

afterEach(async () => {
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  await api.close();
});

test.each([
  ["1.41", "1.12", "1.41"],
  ["1.43", "1.24", "1.43"],
  ["1.51", "1.44", "1.51"],
  ["1.56", "1.44", "1.51"],
  ["1.44", "1.44", "1.44"],
])("of an engine that speaks %s down to %s, %s is asked for", async (newest, oldest, spoken) => {
  await engine(newest, oldest);
  await call(await connect(), "GET", "/nodes");
  expect(api.calls.map(({ path, version }) => [path, version])).toEqual([
    ["/version", undefined],
    ["/nodes", spoken],
  ]);
});

test("an engine whose oldest version is not known yet is refused", async () => {
  await engine("1.60", "1.52");
  await expect(connect()).rejects.toMatchObject({
    code: "TERRACE_DOCKER_TOO_NEW",
    message: "Docker Engine speaks API 1.52 and newer; Terrace knows 1.51",
    next: "upgrade Terrace",
  });
});

test("an engine from before the oldest version is refused", async () => {
  await engine("1.40", "1.12");
  await expect(connect()).rejects.toMatchObject({
    code: "TERRACE_DOCKER_TOO_OLD",
    message: "Docker Engine speaks API 1.40; Terrace needs 1.41 or newer",
    next: "upgrade Docker Engine to 20.10 or newer",
  });
});

describe.each([
  ["1.41", "1.12"],
  ["1.44", "1.24"],
  ["1.51", "1.44"],
])("an engine that answers as API %s, with nothing older than %s", (newest, oldest) => {
  let root: string;

  beforeEach(async () => {
    await engine(newest, oldest);
    root = await mkdtemp(join(tmpdir(), "terrace-newer-"));
    await writeFile(join(root, "platform.yaml"), "platform: newer\ndomain: newer.localhost\n");
    await writeSites(root, siteNames(4));
    await writeFile(join(root, "site-configs/shop.yaml"), SHOP);
    api.swarm.addImage("shop:1");
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  const plan = async () => {
    const { platform, sites, problems, asOf } = await loadWorkspace({ root });
    expect(problems).toEqual([]);
    return makePlan({ docker: await connect(), root, platform: platform!, sites, date: asOf, only: [] });
  };

  test("takes a whole deploy, and then has nothing to change; what is changed by hand shows", async () => {
    await deploySimulated(root, api);
    const again = await plan();
    expect(allChanges(again).map(({ action, name, properties }) => [action, name, properties])).toEqual([]);
    expect(isEmpty(again)).toBe(true);
    const docker = await connect();
    type Spec = { TaskTemplate: { ContainerSpec: { Env?: string[] } } };
    type Service = { ID: string; Version: { Index: number }; Spec: Spec };
    const service = await call<Service>(docker, "GET", "/services/newer-site-shop_web");
    const spec = structuredClone(service.Spec);
    spec.TaskTemplate.ContainerSpec.Env = ["ADDED=by hand"];
    await call(docker, "POST", `/services/${service.ID}/update`, { version: service.Version.Index }, spec);
    const [drift, ...others] = allChanges(await plan());
    expect(others).toEqual([]);
    expect(drift).toMatchObject({ action: "update", reason: "drift", properties: [{ path: "Env.ADDED" }] });
    const versions = new Set(api.calls.filter(({ path }) => path !== "/version").map(({ version }) => version));
    expect([...versions]).toEqual([newest]);
  });
});

const SHOP = `title: Shop
kind: service
domains: [shop]
serve: { image: { image: "shop:1", port: 8080 } }
`;

test("who asks a new engine for 1.41 is refused, as every label-driven proxy found out", async () => {
  await engine("1.51", "1.44");
  const old = new Dockerode({ socketPath: api.host.replace("unix://", ""), version: "v1.41" });
  await expect(old.listNodes()).rejects.toMatchObject({
    statusCode: 400,
    message: expect.stringContaining("client version 1.41 is too old. Minimum supported API version is 1.44"),
  });
});
