import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../modules/docker/index.ts";
import { engineObstacle } from "../support/engine.ts";
import { PrivateEngine } from "../support/private-engine.ts";
import { makeSharedImages } from "../support/shared-images.ts";
import { Workspace } from "../support/workspace.ts";

const obstacle = await engineObstacle();
const SITES = ["www", "one", "two", "three"];
/** MB. The shared images take about 400 of it. */
const DISK = 1200;

let main: Dockerode;
let engine: PrivateEngine;
let workspace: Workspace;
let extra: string[] = [];

beforeAll(async () => {
  if (obstacle !== undefined) return;
  main = await connect();
  const references = await makeSharedImages(main, ["static", "edge"], () => undefined);
  engine = await PrivateEngine.start(DISK);
  await engine.copyImages(main, references);
  await engine.docker.swarmInit({ ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1", ForceNewCluster: false });
  process.env.DOCKER_HOST = `unix://${engine.socket}`;
  workspace = await Workspace.create();
  workspace.through = engine.inside;
  await edition(1);
  const { code, all } = await workspace.run("up", "--yes");
  expect(code, all).toBe(0);
});

afterAll(async () => {
  delete process.env.DOCKER_HOST;
  await workspace?.remove(".");
  await engine?.destroy();
});

async function edition(number: number): Promise<void> {
  for (const site of SITES) await workspace.pages(site, `${site}, edition ${number}`);
}

function visit(site: string) {
  return engine.visit(workspace.visitor.host(site), workspace.visitor.ports.https);
}

/** After one more run everything is as the files say, and nothing is left over. */
async function requireConverged(number: number): Promise<void> {
  const again = await workspace.run("up", "--yes");
  expect(again.code, again.all).toBe(0);
  for (const site of SITES)
    expect(await visit(site)).toMatchObject({
      status: 200,
      body: expect.stringContaining(`${site}, edition ${number}`),
    });
  for (const site of extra) expect((await visit(site)).status).toBe(200);
  const names = ["edge_caddy", "edge_config", ...[...SITES, ...extra].map((site) => `site-${site}_web`)];
  expect(await workspace.cluster.serviceNames()).toEqual(names.map((name) => `${workspace.name}-${name}`).sort());
  const configs = Object.keys(await workspace.cluster.snapshot()).filter((name) => name.startsWith("config "));
  expect(configs).toHaveLength(2);
  for (const tasks of Object.values(await workspace.cluster.allTasks())) expect(tasks).toHaveLength(1);
  expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
}

test.skipIf(obstacle !== undefined).each([
  ["while sites are started", /update service/],
  ["while routes are published", /publish routes/],
])(
  "the daemon is killed and started again %s",
  async (_when, moment) => {
    const number = 2 + extra.length;
    await edition(number);
    const site = `extra${number}`;
    await workspace.pages(site, "one more");
    extra = [...extra, site];
    const run = workspace.start("up", "--yes");
    while (!moment.test(run.written().replace(/^ *[+~].*$/gm, "")) && run.child.exitCode === null) await sleep(10);
    await engine.stopDaemon("SIGKILL");
    await sleep(1500);
    await engine.startDaemon();
    const { code, stderr } = await run.ended;
    // It may come through or not; a fault of its own making it must not be.
    expect([0, 1]).toContain(code);
    expect(stderr).not.toContain("bug in Terrace");
    await requireConverged(number);
  },
  240_000,
);

test.skipIf(obstacle !== undefined)(
  "a disk that is full is told as such, other sites serve on, and with space again it goes on",
  async () => {
    const number = 9;
    await edition(number);
    expect((await workspace.run("up", "--yes")).code).toBe(0);
    const before = await workspace.cluster.allTasks();
    await workspace.write("site-content/one/film.bin", randomBytes(8_000_000).toString("base64"));
    await engine.fill(4);
    const seen = { stopped: false, statuses: new Set<number>() };
    const watch = (async () => {
      while (!seen.stopped) for (const site of SITES) seen.statuses.add((await visit(site)).status);
    })();
    const { code, stderr, all } = await workspace.run("up", "--yes");
    seen.stopped = true;
    await watch;
    expect(code, all).toBe(1);
    expect(stderr).toContain("error one: the disk of Docker Engine is full (TERRACE_DISK_FULL)");
    expect(stderr).toContain("no space left on device");
    expect(stderr).toContain(
      "free space (docker system df, docker image prune), then run this again; what serves goes on serving",
    );
    expect([...seen.statuses]).toEqual([200]);
    expect(await workspace.cluster.allTasks()).toEqual(before);
    await engine.unfill();
    await requireConverged(number);
    expect(await workspace.cluster.allTasks()).not.toEqual(before);
  },
  240_000,
);
