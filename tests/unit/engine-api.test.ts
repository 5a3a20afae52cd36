import { setTimeout as sleep } from "node:timers/promises";
import Dockerode from "dockerode";
import { afterEach, beforeEach, expect, test } from "vitest";
import { call, connect, get, type RawNetwork, type RawService, readCluster } from "../../modules/docker/index.ts";
import { specHash } from "../../modules/engine/normal.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
let docker: Dockerode;
const hostBefore = process.env.DOCKER_HOST;

beforeEach(async () => {
  api = await new EngineApi({ startup: 400 }).listen();
  process.env.DOCKER_HOST = api.host;
  docker = await connect();
  api.forget();
});

afterEach(async () => {
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  await api.close();
});

const labels = { "terrace.platform": "honghe" };

async function createService(Name: string, image = "image:1", replicas = 2): Promise<string> {
  const TaskTemplate = { ContainerSpec: { Image: image, Env: [], User: "" }, Networks: [{ Target: "net" }] };
  const spec = { Name, Labels: labels, TaskTemplate, Mode: { Replicated: { Replicas: replicas } } };
  return (await call<{ ID: string }>(docker, "POST", "/services/create", {}, spec)).ID;
}

function createNetwork(): Promise<{ Id: string }> {
  const IPAM = { Config: [{ Subnet: "10.1.0.0/16" }] };
  return call(docker, "POST", "/networks/create", {}, { Name: "net", Driver: "overlay", IPAM, Labels: labels });
}

test("a service is kept as Docker keeps it: networks by id, empty values gone, the daemon's defaults added", async () => {
  const { Id } = await createNetwork();
  const service = await get<RawService>(docker, `/services/${await createService("web")}`);
  expect(service.Spec).toEqual({
    Name: "web",
    Labels: labels,
    TaskTemplate: {
      ContainerSpec: { Image: "image:1", Isolation: "default" },
      Networks: [{ Target: Id }],
      ForceUpdate: 0,
      Runtime: "container",
    },
    Mode: { Replicated: { Replicas: 2 } },
  });
  const written = { Name: "web", Labels: labels, TaskTemplate: { ContainerSpec: { Image: "image:1" } } };
  const { Networks: _, ...template } = service.Spec.TaskTemplate as object & { Networks: unknown };
  const { Mode: __, ...rest } = service.Spec;
  expect(specHash({ ...rest, TaskTemplate: template })).toBe(specHash(written));
});

test("objects are read by label, with the tasks that run", async () => {
  await createNetwork();
  await createService("web");
  await call(docker, "POST", "/configs/create", {}, { Name: "foreign", Data: "eA==" });
  const early = await readCluster(docker, "honghe");
  expect(early.services.map(({ ServiceStatus }) => ServiceStatus?.RunningTasks)).toEqual([0]);
  expect(early.networks.map(({ Name }) => Name)).toEqual(["net"]);
  expect(early.configs).toEqual([]);
  await sleep(450);
  const [service] = (await readCluster(docker, "honghe")).services;
  expect(service?.ServiceStatus).toMatchObject({ RunningTasks: 2, DesiredTasks: 2 });
  expect((await readCluster(docker, "other")).services).toEqual([]);
});

test("an update needs the present version, and new tasks take over from the old ones", async () => {
  await createNetwork();
  const id = await createService("web");
  await sleep(450);
  const { Version, Spec } = await get<RawService>(docker, `/services/${id}`);
  const body = { ...Spec, TaskTemplate: { ...Spec.TaskTemplate, ContainerSpec: { Image: "image:2" } } };
  const update = (version: number) => call(docker, "POST", `/services/${id}/update`, { version }, body);
  await expect(update(Version.Index - 1)).rejects.toThrow("update out of sequence");
  await update(Version.Index);
  const state = async () => {
    const tasks = await docker.listTasks({ filters: { service: [id] } });
    const { UpdateStatus } = await get<RawService>(docker, `/services/${id}`);
    return [UpdateStatus?.State, ...tasks.map((task) => task.Status.State)];
  };
  expect(await state()).toEqual(["updating", "running", "running", "starting", "starting"]);
  await sleep(450);
  expect(await state()).toEqual(["completed", "shutdown", "shutdown", "running", "running"]);
});

test("names are taken once, and what a service uses stays", async () => {
  await createNetwork();
  const id = await createService("web");
  await expect(createService("web")).rejects.toMatchObject({ statusCode: 409 });
  await expect(call(docker, "DELETE", "/networks/net")).rejects.toThrow("in use by service");
  await call(docker, "DELETE", `/services/${id}`);
  await call(docker, "DELETE", "/networks/net");
  expect(await get<RawNetwork[]>(docker, "/networks")).toEqual([]);
  await expect(get(docker, "/networks/net")).rejects.toMatchObject({ statusCode: 404 });
});

test("a secret's data is never given out, a config's is", async () => {
  await call(docker, "POST", "/secrets/create", {}, { Name: "key", Data: "c2VjcmV0", Labels: labels });
  await call(docker, "POST", "/configs/create", {}, { Name: "open", Data: "b3Blbg==", Labels: labels });
  const { secrets, configs } = await readCluster(docker, "honghe");
  expect([secrets[0]?.Spec.Data, configs[0]?.Spec.Data]).toEqual([undefined, "b3Blbg=="]);
});

test("calls are counted, and faults meet the call that they are meant for", async () => {
  await get(docker, "/nodes");
  expect(api.counts).toEqual({ "GET /nodes": 1 });
  expect(api.writes).toEqual([]);
  api.forget();
  api.fail(1, "before");
  await expect(createNetwork()).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
  expect(api.swarm.list("network")).toHaveLength(0);
  api.forget();
  api.fail(1, "after");
  await expect(createNetwork()).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
  expect(api.swarm.list("network")).toHaveLength(1);
  api.forget();
  api.fail(1, { status: 500, message: "disk is full" });
  api.fail(2, { ms: 80 });
  await expect(call(docker, "DELETE", "/networks/net")).rejects.toThrow("disk is full");
  const started = performance.now();
  await call(docker, "DELETE", "/networks/net");
  expect(performance.now() - started).toBeGreaterThan(75);
});

test("an API version that it does not speak is refused", async () => {
  const modern = await new EngineApi({ versions: { newest: "1.51", oldest: "1.44" } }).listen();
  try {
    const old = new Dockerode({ socketPath: modern.host.replace("unix://", ""), version: "v1.41" });
    await expect(old.listNodes()).rejects.toThrow("client version 1.41 is too old");
  } finally {
    await modern.close();
  }
});
