import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Dockerode from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../modules/docker/client.ts";
import { ensureDocker, ensureSwarm, portsInUse, requirePorts } from "../../modules/host/index.ts";
import { engineObstacle, type OwnEngine, ownEngine } from "../support/engine.ts";

const obstacle = await engineObstacle();
let engine: OwnEngine | undefined;
let lines: string[] = [];
const report = (line: string) => lines.push(line);
const env = { PATH: process.env.PATH };

beforeAll(async () => {
  if (obstacle === undefined) engine = await ownEngine();
});

afterAll(async () => {
  await engine?.stop();
});

test.skipIf(obstacle !== undefined)("an engine that runs is taken as it is, silently", async () => {
  lines = [];
  const ready = await ensureDocker({ report, socket: engine!.socket, env });
  expect(ready).toMatchObject({ socket: engine!.socket, installed: false, started: false });
  expect(ready.version).toMatch(/^\d+\.\d+/);
  expect(lines).toEqual([]);
});

test.skipIf(obstacle !== undefined)("an engine without a Swarm gets one; the second time nothing is done", async () => {
  lines = [];
  const first = await ensureSwarm(engine!.docker, { report });
  expect(first).toMatchObject({ initialised: true });
  expect(lines).toEqual(["Initialising Docker Swarm on 127.0.0.1"]);
  const { Swarm: swarm } = await engine!.docker.info();
  expect(swarm).toMatchObject({ LocalNodeState: "active", ControlAvailable: true, NodeAddr: "127.0.0.1" });
  expect(swarm.Cluster.DefaultAddrPool).toEqual(["10.208.0.0/12"]);

  lines = [];
  expect(await ensureSwarm(engine!.docker, { report })).toEqual({ nodeId: first.nodeId, initialised: false });
  expect(lines).toEqual([]);
});

test.skipIf(obstacle !== undefined)("two that initialise at once end with one Swarm", async () => {
  await engine!.docker.swarmLeave({ force: true });
  const both = await Promise.all([ensureSwarm(engine!.docker, { report }), ensureSwarm(engine!.docker, { report })]);
  expect(both[0].nodeId).toBe(both[1].nodeId);
  expect(both.filter((each) => each.initialised)).toHaveLength(1);
});

test("a daemon named by DOCKER_HOST that does not answer is not replaced by another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "terrace-host-"));
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${folder}/none.sock`;
  try {
    await expect(ensureDocker({ report })).rejects.toMatchObject({
      code: "TERRACE_DOCKER_UNREACHABLE",
      where: `DOCKER_HOST=unix://${folder}/none.sock`,
    });
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
    rmSync(folder, { recursive: true });
  }
});

test("an engine that speaks only an API that is too old is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "terrace-host-"));
  const socket = join(folder, "docker.sock");
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ Version: "19.03.1", ApiVersion: "1.40", MinAPIVersion: "1.12" }));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    await expect(ensureDocker({ report, socket, env })).rejects.toMatchObject({ code: "TERRACE_DOCKER_TOO_OLD" });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

test("a port that a program holds is named with the program, a free one is not", async () => {
  const docker = await connect();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const holder = expect.stringMatching(new RegExp(`\\(process ${process.pid}\\)$`));
  try {
    expect(await portsInUse({ docker, ports: [port], own: "tt_caddy", local: true })).toEqual([{ port, holder }]);
    await expect(requirePorts({ docker, ports: [port], own: "tt_caddy", local: true })).rejects.toMatchObject({
      code: "TERRACE_PORT_TAKEN",
      message: expect.stringMatching(`port ${port} is taken by `),
      next: expect.stringContaining("npm start -- --http 8080 --https 8443"),
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await portsInUse({ docker, ports: [port], own: "tt_caddy", local: true })).toEqual([]);
});

test("a port that a service publishes is named with the service, and is free for that service itself", async () => {
  const service = { ID: "s1", Spec: { Name: "shop_web" }, Endpoint: { Ports: [{ PublishedPort: 80 }] } };
  const container = { Id: "c1", Names: ["/old-proxy"], Labels: {}, Ports: [{ PublicPort: 443, PrivatePort: 443 }] };
  const docker = Object.assign(new Dockerode(), {
    listServices: async () => [service],
    listContainers: async () => [container],
  });
  const ask = (own: string) => portsInUse({ docker, ports: [80, 443], own, local: false });
  expect(await ask("x")).toEqual([
    { port: 80, holder: "service shop_web" },
    { port: 443, holder: "container old-proxy" },
  ]);
  expect(await ask("shop_web")).toEqual([{ port: 443, holder: "container old-proxy" }]);
});
