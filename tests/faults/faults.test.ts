import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appSite, writeApp } from "../support/app.ts";
import { type Counted, EVERY, FaultySocket, WRITES } from "../support/faulty-socket.ts";
import { Workspace } from "../support/workspace.ts";

/**
 * A deploy that creates, updates, replaces and deletes, with its connection to Docker broken before or after one of its calls, an
 * answer that never comes, or the whole process killed there. `FAULTS=all` (`npm run test:faults`) takes every call that changes
 * something, one after the other, and the first of each kind that reads; otherwise a few, spread over the deploy.
 * `FAULT_KINDS=before,kill` takes some kinds of faults only, `FAULT_FROM=20` goes on where a run was cut off.
 */
const ALL = process.env.FAULTS === "all";
const KINDS = ["before", "after", "kill", "lost"] as const;
type Kind = (typeof KINDS)[number];
const CHOSEN = KINDS.filter((kind) => (process.env.FAULT_KINDS ?? KINDS.join()).split(",").includes(kind));
const FROM = Number(process.env.FAULT_FROM ?? 0);

let workspace: Workspace;
let socket: FaultySocket;
let state: "first" | "second" = "first";

beforeAll(async () => {
  workspace = await Workspace.create();
  socket = await new FaultySocket().listen();
  await workspace.pages("www", "the portal");
  await workspace.pages("stay", "stays");
  await writeApp(workspace);
  const volumes = [{ name: "data", path: "/data", size: "1MiB" }];
  await workspace.site("vault", appSite("vault", { volumes, secrets: ["TOKEN"] }));
  await write("first");
  const { code, all } = await workspace.up();
  expect(code, all).toBe(0);
  await workspace.visitor.get("vault", "/set/kept");
});

afterAll(async () => {
  workspace.env = {};
  await workspace?.destroy();
  await socket?.close();
});

/**
 * Two states of the files; going from either to the other creates one site, retires one, changes one and its redirects, and gives one
 * that has data another value of its secret.
 */
async function write(next: "first" | "second"): Promise<void> {
  const first = next === "first";
  const redirects = first ? [{ from: "/old/*", to: "/new/:splat" }] : [];
  await workspace.pages("changes", `${next} edition`, { redirects });
  const retired = { retire: { redirect: "2026-01-01", to: "https://www.example.gov.cn/" } };
  await workspace.pages("one", "site one", first ? {} : retired);
  await workspace.pages("two", "site two", first ? retired : {});
  await workspace.write("secrets/vault/TOKEN", `the ${next} value`);
  state = next;
}

/** A call of a deploy: the how-manieth of those that write, or the first of a kind that reads. */
interface Point {
  at: number;
  counted: Counted;
  says: string;
}

const NOWHERE: Point = { at: 0, counted: EVERY, says: "nowhere" };

/** The files say the other state; the deploy of it meets a fault. */
async function deployWith({ at, counted }: Point, kind: Kind): Promise<void> {
  await write(state === "first" ? "second" : "first");
  workspace.env = { DOCKER_HOST: `unix://${socket.path}`, TERRACE_DOCKER_TIMEOUT: "3s" };
  let kill = () => {};
  socket.arm(at, kind === "kill" ? { instead: () => kill() } : kind, counted);
  const started = workspace.start("up", "--yes");
  kill = () => started.child.kill("SIGKILL");
  await started.ended;
  workspace.env = {};
}

/** After one more run everything is as the files say: nothing is missing, nothing is left over. */
async function requireConverged(where: string): Promise<void> {
  const again = await workspace.run("up", "--yes");
  expect(again.code, `${where}\n${again.all}`).toBe(0);
  const [live, gone] = state === "first" ? ["one", "two"] : ["two", "one"];
  const webs = ["changes", live, "stay", "vault", "www"].map((site) => `site-${site}_web`);
  expect(await workspace.cluster.serviceNames(), where).toEqual(
    ["edge_caddy", "edge_config", ...webs].map((name) => `${workspace.name}-${name}`).sort(),
  );
  const objects = Object.keys(await workspace.cluster.snapshot());
  const configs = objects.filter((name) => name.startsWith("config "));
  expect(configs, `${where}: one set of routes, and no lock`).toHaveLength(2);
  const secrets = objects.filter((name) => name.startsWith(`secret ${workspace.name}-site-`));
  expect(secrets, `${where}: one value`).toHaveLength(1);
  expect((await workspace.visitor.get("vault", "/secret")).body, where).toBe(`the ${state} value`);
  expect((await workspace.visitor.get("vault", "/get")).body, where).toBe("kept");
  expect((await workspace.visitor.get("changes")).body, where).toContain(`${state} edition`);
  expect((await workspace.visitor.get("changes", "/old/x")).status, where).toBe(state === "first" ? 301 : 404);
  expect((await workspace.visitor.get(live ?? "")).status, where).toBe(200);
  expect((await workspace.visitor.get(gone ?? "")).status, where).toBe(301);
  expect((await workspace.run("plan", "--detailed-exitcode")).code, where).toBe(0);
}

/** Which calls can be broken: all that change something and the first of each kind that reads. */
function points(calls: string[]): Point[] {
  const writes = calls
    .filter(WRITES)
    .map((call, index) => ({ at: index + 1, counted: WRITES, says: `write ${index + 1}, ${call}` }));
  const reads = [...new Set(calls.filter((call) => !WRITES(call)).map(kindOf))].map((kind) => {
    return { at: 1, counted: (call: string) => kindOf(call) === kind, says: `first ${kind}` };
  });
  return [...writes, ...reads];
}

/** Every kind of fault at every call; or each kind at one call, all at different ones. */
function pairs(all: Point[]): { kind: Kind; point: Point }[] {
  const chosen = (index: number) =>
    ALL ? all : all.slice(Math.floor(((index + 0.5) * all.length) / CHOSEN.length)).slice(0, 1);
  return CHOSEN.flatMap((kind, index) => chosen(index).map((point) => ({ kind, point })));
}

/** A call without the id of the object that it is about. */
function kindOf(call: string): string {
  return call.replace(/\/[0-9a-z]{25}\b|\/[0-9a-f]{64}\b/, "/ID");
}

test("after a fault at any call, the next run converges, and no site that serves ever stops", {
  timeout: ALL ? 10_800_000 : 600_000,
}, async () => {
  await deployWith(NOWHERE, "before");
  const all = points(socket.calls);
  await requireConverged("without a fault");
  // What happens in the middle of the deploys must not be seen by visitors, neither of another site nor of the one that is changed.
  const loads = ["stay", "changes"].map((site) => workspace.visitor.steadily(site));
  const broken = pairs(all).slice(FROM);
  const runs: string[] = [];
  for (const [index, { kind, point }] of broken.entries()) {
    await deployWith(point, kind);
    const where = `${kind} ${point.says}`;
    if (ALL) process.stdout.write(`${FROM + index + 1} of ${FROM + broken.length}: ${where}, met by ${socket.met}\n`);
    await requireConverged(where);
    if (socket.met !== undefined) runs.push(where);
  }
  await Promise.all(loads.map(({ stop }) => stop()));
  process.stdout.write(
    `${runs.length} deploys were broken, at ${ALL ? "each" : "some"} of ${all.length} calls: ${CHOSEN.join(", ")}\n`,
  );
  expect(loads.flatMap(({ load }) => load.failures)).toEqual([]);
  // A deploy may need a call less than the first one did; that most met their fault must be seen.
  expect(runs.length).toBeGreaterThanOrEqual(Math.floor(broken.length * 0.9));
});

test("an update that is out of sequence, because somebody else wrote meanwhile, is made again", async () => {
  const { docker, cluster, name } = workspace;
  await write(state === "first" ? "second" : "first");
  const service = docker.getService(cluster.web("changes"));
  const { ID: id } = await service.inspect();
  const meanwhile = async () => {
    const { Spec, Version } = await service.inspect();
    await service.update({ version: Version.Index, ...Spec, Labels: { ...Spec.Labels, meanwhile: name } });
  };
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  const call = `POST /services/${id}/update`;
  socket.arm(1, { meanwhile }, (each) => each === call);
  const { code, all } = await workspace.run("up", "--yes");
  workspace.env = {};
  expect(code, all).toBe(0);
  expect(socket.answers.filter((answer) => answer.endsWith(call))).toEqual([`500 ${call}`, `200 ${call}`]);
  expect((await service.inspect()).Spec.Labels).not.toHaveProperty("meanwhile");
  await requireConverged("out of sequence");
});

test("slow answers make a deploy slow, and nothing else", async () => {
  await write(state === "first" ? "second" : "first");
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  socket.arm(3, { meanwhile: () => sleep(4000) }, WRITES);
  const { code, all } = await workspace.run("up", "--yes");
  workspace.env = {};
  expect(code, all).toBe(0);
  expect(socket.met).toBeDefined();
  await requireConverged("slow");
});

test("a plan reads Docker with a handful of calls and writes nothing", async () => {
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  socket.arm(0);
  expect((await workspace.run("plan")).code).toBe(0);
  workspace.env = {};
  expect(socket.calls.filter((call) => !call.startsWith("GET "))).toEqual([]);
  expect(socket.calls.length).toBeLessThanOrEqual(7);
});
