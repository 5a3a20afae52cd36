import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fault, FaultySocket } from "../support/faulty-socket.ts";
import { Workspace } from "../support/workspace.ts";

/**
 * A deploy that creates, updates, replaces and deletes, with its connection to Docker broken before or after one of its calls, or
 * the whole process killed there. `FAULTS=all` takes every call that changes something, one after the other, and the first of each
 * kind that reads; otherwise a few, spread over the deploy.
 */
const ALL = process.env.FAULTS === "all";
const SAMPLE = 2;

let workspace: Workspace;
let socket: FaultySocket;
let state: "first" | "second" = "first";

beforeAll(async () => {
  workspace = await Workspace.create();
  socket = await new FaultySocket().listen();
  await workspace.pages("www", "the portal");
  await workspace.pages("stay", "stays");
  await write("first");
  expect((await workspace.up()).code).toBe(0);
});

afterAll(async () => {
  workspace.env = {};
  await workspace?.destroy();
  await socket?.close();
});

/** Two states of the files; going from either to the other creates one site, retires one, changes one and its redirects. */
async function write(next: "first" | "second"): Promise<void> {
  const first = next === "first";
  const redirects = first ? [{ from: "/old/*", to: "/new/:splat" }] : [];
  await workspace.pages("changes", `${next} edition`, { redirects });
  const retired = { retire: { redirect: "2026-01-01", to: "https://www.example.gov.cn/" } };
  await workspace.pages("one", "site one", first ? {} : retired);
  await workspace.pages("two", "site two", first ? retired : {});
  state = next;
}

/** The files say the other state; the deploy of it meets a fault. Returns the calls that it made. */
async function deployWith(at: number, kind: "before" | "after" | "kill"): Promise<string[]> {
  await write(state === "first" ? "second" : "first");
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  let kill = () => {};
  const fault: Fault = kind === "kill" ? () => kill() : kind;
  socket.arm(at, fault);
  const started = workspace.start("up", "--yes");
  kill = () => started.child.kill("SIGKILL");
  await started.ended;
  workspace.env = {};
  return socket.calls;
}

/** After one more run everything is as the files say: nothing is missing, nothing is left over. */
async function requireConverged(where: string): Promise<void> {
  const again = await workspace.run("up", "--yes");
  expect(again.code, `${where}\n${again.all}`).toBe(0);
  const [live, gone] = state === "first" ? ["one", "two"] : ["two", "one"];
  const names = ["edge_caddy", "edge_config", "site-changes_web", `site-${live}_web`, "site-stay_web", "site-www_web"];
  expect(await workspace.cluster.serviceNames(), where).toEqual(
    names.map((name) => `${workspace.name}-${name}`).sort(),
  );
  const configs = Object.keys(await workspace.cluster.snapshot()).filter((name) => name.startsWith("config "));
  expect(configs, `${where}: one set of routes, and no lock`).toHaveLength(2);
  expect((await workspace.visitor.get("changes")).body, where).toContain(`${state} edition`);
  expect((await workspace.visitor.get("changes", "/old/x")).status, where).toBe(state === "first" ? 301 : 404);
  expect((await workspace.visitor.get(live ?? "")).status, where).toBe(200);
  expect((await workspace.visitor.get(gone ?? "")).status, where).toBe(301);
  expect((await workspace.run("plan", "--detailed-exitcode")).code, where).toBe(0);
}

/** Which calls are broken, by number: all that change something and the first of each kind that reads, or a few of them. */
function points(calls: string[]): number[] {
  const numbered = calls.map((call, index) => ({ call, number: index + 1 }));
  const chosen = numbered.filter(({ call, number }) => !call.startsWith("GET") || calls.indexOf(call) === number - 1);
  const step = ALL ? 1 : Math.ceil(chosen.length / SAMPLE);
  return chosen.filter((_, index) => index % step === Math.floor(step / 2)).map(({ number }) => number);
}

test("after a fault at any call, the next run converges, and a site that is not concerned never stops", {
  timeout: ALL ? 5_400_000 : 300_000,
}, async () => {
  const calls = points(await deployWith(0, "before"));
  await requireConverged("without a fault");
  const failures: string[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) {
      const answer = await workspace.visitor.get("stay").catch((error) => ({ status: 0, body: String(error) }));
      if (answer.status !== 200) failures.push(`${answer.status} ${answer.body}`);
      await sleep(50);
    }
  })();
  let runs = 0;
  for (const kind of ["before", "after", "kill"] as const) {
    for (const at of calls) {
      const made = await deployWith(at, kind);
      await requireConverged(`${kind} call ${at}, ${made[at - 1]}`);
      runs++;
    }
  }
  watching = false;
  await watch;
  process.stdout.write(`${runs} deploys were broken at one of ${calls.length} calls\n`);
  expect(failures).toEqual([]);
  expect(runs).toBeGreaterThanOrEqual(ALL ? 60 : 6);
});

test("a plan reads Docker with a handful of calls and writes nothing", async () => {
  workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
  socket.arm(0, "before");
  expect((await workspace.run("plan")).code).toBe(0);
  workspace.env = {};
  expect(socket.calls.filter((call) => !call.startsWith("GET "))).toEqual([]);
  expect(socket.calls.length).toBeLessThanOrEqual(7);
});
