import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import setupDocker from "../support/docker-setup.ts";
import { ROOT } from "../support/sources.ts";
import { measureBackup } from "./backup.ts";
import { measureHelp } from "./help.ts";
import { quiet } from "./measure.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { measurePlan } from "./plan-simulated.ts";
import { compareSizes, measureReal, needsEngine } from "./real.ts";
import { render } from "./render.ts";
import { missed, type Result, resultJson, resultTable } from "./report.ts";

/** How what is under way on the real engine is taken down. */
let cleanUp: (() => Promise<void>) | undefined;

/** Prints what was measured so far. */
let show = () => {};

function progress(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    progress("stopping: everything that was made is removed");
    show();
    (cleanUp?.() ?? Promise.resolve()).catch((error) => progress(String(error))).finally(() => process.exit(130));
  });
}

async function measureAll(options: Options, results: Result[]): Promise<void> {
  const took = (more: Result[]) => void results.push(...more);
  if (options.only.has("help")) took(await measureHelp());
  if (options.only.has("plan")) {
    for (const count of options.simulated) {
      progress(`plan of ${count} sites against the simulated API`);
      took(await measurePlan(count, options.rounds));
    }
  }
  if (!needsEngine(options) && !options.only.has("backup")) return;
  const tearDown = await setupDocker();
  const onMade = (destroy: (() => Promise<void>) | undefined) => {
    cleanUp = destroy;
  };
  try {
    if (options.only.has("backup")) await measureBackup(options, took, onMade);
    for (const count of needsEngine(options) ? options.sites : []) {
      progress(`${count} sites on the real engine`);
      await measureReal(count, options, took, onMade);
    }
  } finally {
    await tearDown();
  }
  took(compareSizes(results, options.sites));
}

/** What is measured: the commit, with a mark where files differ from it. */
function version(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    return `${git("rev-parse", "--short=7", "HEAD")}${git("status", "--porcelain") === "" ? "" : ", changed"}`;
  } catch {
    return "unknown";
  }
}

async function main(args: string[]): Promise<void> {
  const options = parseOptions(args);
  if (options.help) return void process.stdout.write(`${USAGE}\n`);
  if (options.render !== undefined) {
    for (const file of await render(options.render)) progress(`wrote ${file}`);
    return;
  }
  progress("waiting until the machine has nothing else to do, a minute at most");
  const load = await quiet(60, cpus().length);
  progress(`load average ${load.toFixed(2)} on ${cpus().length} cores`);
  const [cpu] = cpus();
  const sizes = { cores: cpus().length, cpu: cpu?.model, memory: totalmem() };
  const machine = {
    ...sizes,
    kernel: release(),
    node: process.version,
    load,
    date: new Date().toISOString(),
    version: version(),
  };
  const results: Result[] = [];
  show = () => {
    process.stdout.write(`${options.json ? resultJson(results, machine) : resultTable(results)}\n`);
    show = () => {};
  };
  try {
    await measureAll(options, results);
  } finally {
    show();
  }
  const over = options.quick ? [] : missed(results);
  for (const what of over) progress(`over its budget: ${what}`);
  if (over.length > 0) process.exitCode = 1;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
