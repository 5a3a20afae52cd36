import { cpus, release, totalmem } from "node:os";
import setupDocker from "../support/docker-setup.ts";
import { measureHelp } from "./help.ts";
import { quiet } from "./measure.ts";
import { type Options, parseOptions } from "./options.ts";
import { measurePlan } from "./plan-simulated.ts";
import { compareSizes, measureReal, needsEngine } from "./real.ts";
import { type Result, resultJson, resultTable } from "./report.ts";

/** How what is under way on the real engine is taken down. */
let cleanUp: (() => Promise<void>) | undefined;

function progress(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    progress("stopping: everything that was made is removed");
    (cleanUp?.() ?? Promise.resolve()).catch((error) => progress(String(error))).finally(() => process.exit(130));
  });
}

async function measureAll(options: Options): Promise<Result[]> {
  const results: Result[] = [];
  const took = (more: Result[]) => results.push(...more);
  if (options.only.has("help")) took(await measureHelp());
  if (options.only.has("plan")) {
    for (const count of options.simulated) {
      progress(`plan of ${count} sites against the simulated API`);
      took(await measurePlan(count, options.rounds));
    }
  }
  if (!needsEngine(options)) return results;
  const tearDown = await setupDocker();
  try {
    for (const count of options.sites) {
      progress(`${count} sites on the real engine`);
      took(
        await measureReal(count, options, (destroy) => {
          cleanUp = destroy;
        }),
      );
    }
  } finally {
    await tearDown();
  }
  return [...results, ...compareSizes(results, options.sites)];
}

async function main(args: string[]): Promise<void> {
  const options = parseOptions(args);
  progress("waiting until the machine has nothing else to do, a minute at most");
  const load = await quiet(60, cpus().length);
  progress(`load average ${load.toFixed(2)} on ${cpus().length} cores`);
  const results = await measureAll(options);
  const [cpu] = cpus();
  const machine = {
    cores: cpus().length,
    cpu: cpu?.model,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    load,
  };
  process.stdout.write(`${options.json ? resultJson(results, machine) : resultTable(results)}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
