import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../../modules/docker/index.ts";
import { carryOut, idsOf } from "../../modules/engine/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { makePlan } from "../../stacks/plan.ts";
import { EngineApi } from "../support/engine-api.ts";
import { median, repeat, requireDone, runTerrace, runTimed, type Timed } from "./measure.ts";
import type { Result } from "./report.ts";
import { page, siteNames, writeSites } from "./sites.ts";

/** Plans, each in a new process, against a simulated engine that has everything as the files say. */
export async function measurePlan(count: number, rounds: number): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), "terrace-bench-"));
  const api = await new EngineApi({ startup: 0 }).listen();
  const hostBefore = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = api.host;
  try {
    await writeFile(join(folder, "platform.yaml"), "platform: simulated\ndomain: simulated.localhost\n");
    await writeSites(folder, siteNames(count));
    const started = performance.now();
    await deploySimulated(folder, api);
    const made: Result = {
      what: `${count} simulated sites from nothing: planned and carried out`,
      value: performance.now() - started,
      unit: "ms",
      note: "Terrace's own work, and the simulated API's: no image, no container, no visit",
    };
    return [made, ...(await measure(folder, api, count, rounds)), ...(await measureOne(folder, api, count))];
  } finally {
    if (hostBefore === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = hostBefore;
    await api.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Brings the simulated engine to the state that the files describe, by the engine that carries out every deploy. */
export async function deploySimulated(root: string, api: EngineApi): Promise<void> {
  const docker = await connect();
  const { platform, sites, problems, asOf } = await loadWorkspace({ root });
  if (platform === undefined || problems.length > 0) throw new Error(`bad workspace: ${JSON.stringify(problems)}`);
  const plan = await makePlan({ docker, root, platform, sites, date: asOf, only: [] });
  const makeBase = async (reference: string) => api.swarm.addImage(reference);
  const signal = new AbortController().signal;
  const run = { docker, signal, makeBase, report: () => {}, ids: idsOf(plan.live) };
  await carryOut(plan.base, run);
  for (const { changes } of plan.sites) await carryOut(changes, run);
  await carryOut(plan.edgeChanges, run);
}

async function measure(folder: string, api: EngineApi, count: number, rounds: number): Promise<Result[]> {
  const env = { DOCKER_HOST: api.host, XDG_CACHE_HOME: join(folder, ".cache") };
  const plan = async (peak = false) => {
    api.forget();
    const run = await runTerrace(["plan", "--detailed-exitcode"], { cwd: folder, env, peak });
    requireDone(run, `terrace plan of ${count} sites (3 would mean that it found changes)`);
    if (api.writes.length > 0) throw new Error(`a plan wrote: ${JSON.stringify(api.writes)}`);
    return { ...run, calls: api.calls.length, busy: api.busy };
  };
  const first = await plan();
  const again = await repeat(Math.max(rounds, 3), async () => ({ ...(await plan()), alone: await parsed(folder) }));
  const weighed = await plan(true);
  const firstWeighed = await forgetful(folder, () => plan(true));
  const what = `plan, no change, ${count} simulated sites`;
  const budget = count === 1000;
  const answering = median(again.map(({ busy }) => busy));
  const paused = (run: Timed) => run.peak ?? Number.NaN;
  return [
    {
      what: `${what}: wall`,
      value: median(again.map(({ wall }) => wall)),
      unit: "ms",
      ...(budget && { budget: { limit: 1000, text: "<= 1.0 s" } }),
      peer: { name: "reading the files with yaml alone", value: median(again.map(({ alone }) => alone)) },
      note: `median of ${again.length}; ${answering.toFixed(0)} ms of it the simulated API`,
    },
    {
      what: `${what}: peak memory`,
      value: paused(weighed),
      unit: "MiB",
      ...(budget && { budget: { limit: 200, text: "<= 200 MB" }, against: paused(weighed) * 1.048576 }),
    },
    { what: `${what}: API calls`, value: weighed.calls, unit: "calls", note: "none of them writes" },
    { what: `${what}: wall, nothing remembered`, value: first.wall, unit: "ms", note: "every program evaluated, once" },
    { what: `${what}: peak memory, nothing remembered`, value: paused(firstWeighed), unit: "MiB" },
  ];
}

/** One site that is new, and one page that was changed, beside all that is as it was; another one each time. */
async function measureOne(folder: string, api: EngineApi, count: number): Promise<Result[]> {
  const env = { DOCKER_HOST: api.host, XDG_CACHE_HOME: join(folder, ".cache") };
  const timed = async (change: (at: number) => Promise<() => Promise<unknown>>) => {
    const walls: number[] = [];
    for (let at = 0; at < 3; at++) {
      const undo = await change(at);
      const run = await runTerrace(["plan", "--detailed-exitcode"], { cwd: folder, env });
      if (run.code !== 3) throw new Error(`a plan of one change ended with ${run.code}:\n${run.output}`);
      walls.push(run.wall);
      await undo();
    }
    return median(walls);
  };
  const added = await timed(async (at) => {
    const name = `new${at}`;
    await writeSites(folder, [name]);
    return () => rm(join(folder, "site-configs", `${name}.yaml`));
  });
  const changed = await timed(async (at) => {
    const file = join(folder, "site-content", "www", "index.html");
    await writeFile(file, page("www", `edition ${at}`));
    return () => writeFile(file, page("www", "first edition"));
  });
  const row = (what: string, value: number): Result => ({ what, value, unit: "ms", note: "median of 3" });
  return [
    row(`plan, one new site, beside ${count} simulated sites: wall`, added),
    row(`plan, one changed page, of ${count} simulated sites: wall`, changed),
  ];
}

/** Reads and parses the site files and does nothing with them: what the speed of the machine makes of that. */
const PARSE = `import { readdirSync, readFileSync } from "node:fs";
import { parse } from "${import.meta.resolve("yaml")}";
for (const file of readdirSync("site-configs")) parse(readFileSync("site-configs/" + file, "utf8"));`;

/** ms of a process that only parses the site files. */
async function parsed(cwd: string): Promise<number> {
  const run = await runTimed(process.execPath, ["--input-type=module", "-e", PARSE], { cwd });
  requireDone(run, "parsing the site files");
  return run.wall;
}

/** Does something without what earlier plans evaluated. */
async function forgetful<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await rm(join(folder, ".cache"), { recursive: true, force: true });
  return work();
}
