import type Dockerode from "dockerode";
import { afterEach, beforeEach, expect, test } from "vitest";
import { call, connect, converge, ServiceWatch } from "../../modules/docker/index.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
let docker: Dockerode;
const hostBefore = process.env.DOCKER_HOST;

beforeEach(async () => {
  api = await new EngineApi({ startup: 400 }).listen();
  process.env.DOCKER_HOST = api.host;
  docker = await connect();
});

afterEach(async () => {
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  await api.close();
});

async function createServices(count: number): Promise<string[]> {
  const TaskTemplate = { ContainerSpec: { Image: "image:1" } };
  const create = (Name: string) => call<{ ID: string }>(docker, "POST", "/services/create", {}, { Name, TaskTemplate });
  return Promise.all(Array.from({ length: count }, async (_, index) => (await create(`web${index}`)).ID));
}

test("a hundred services are waited for with two calls a round", async () => {
  const ids = await createServices(100);
  const watch = new ServiceWatch(docker);
  api.forget();
  const signal = AbortSignal.timeout(15_000);
  const faults = await Promise.all(ids.map((id) => converge(docker, id, 10_000, signal, watch)));
  expect(faults).toEqual(ids.map(() => undefined));
  const { "GET /services": services = 0, "GET /tasks": tasks = 0, ...others } = api.counts;
  expect(others).toEqual({});
  expect(services).toBe(tasks);
  expect(services).toBeGreaterThan(1);
  expect(services).toBeLessThan(10);
});

test("each gets its own service and tasks; one that is not there is told to its reader alone", async () => {
  const ids = await createServices(3);
  const watch = new ServiceWatch(docker);
  const names = [...ids, "web1", "gone"];
  const seen = await Promise.allSettled(names.map((name) => watch.read(name)));
  const told = seen.map((one) =>
    one.status === "fulfilled"
      ? [one.value.service.Spec.Name, one.value.tasks.map(({ ServiceID }) => ids.indexOf(ServiceID))]
      : one.reason.statusCode,
  );
  expect(told).toEqual([["web0", [0]], ["web1", [1]], ["web2", [2]], ["web1", [1]], 404]);
});
