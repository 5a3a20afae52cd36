import { EXIT, type ExitCode, TerraceError } from "../../modules/core/errors.ts";
import { readRoot } from "../../modules/docker/index.ts";
import { bootstrapBase } from "../../modules/host/index.ts";
import { apply, type Outcome } from "../../stacks/apply.ts";
import { isEmpty, type Plan } from "../../stacks/model.ts";
import { flag, type Input } from "./command.ts";
import { errorJson, note, paint, print, printError, printJson } from "./output.ts";
import type { Prepared } from "./prepare.ts";
import { counts, planJson, showPlan, summary } from "./show-plan.ts";

/**
 * Shows the plan, asks, carries it out, and tells what became of every site.
 *
 * @param brief only the plan's summary, and only the sites that failed
 */
export async function carry(prepared: Prepared, input: Input, brief = false): Promise<ExitCode> {
  const { plan } = prepared;
  const json = flag(input, "json");
  const faults = plan.sites.flatMap(({ fault }) => fault ?? []);
  if (!json && !brief) showPlan(plan);
  if (!json) print(summary(plan));
  if (isEmpty(plan) && faults.length === 0) {
    if (json) printJson({ ...planJson(plan), outcomes: [] });
    return EXIT.done;
  }
  if (!(await agreed(input))) {
    note("Nothing was done.");
    return EXIT.failed;
  }
  const outcomes = await run(prepared);
  if (json)
    printJson({
      ...planJson(plan),
      outcomes: outcomes.map(({ fault, ...rest }) => ({ ...rest, fault: fault && errorJson(fault) })),
    });
  else report(outcomes, plan, brief);
  return outcomes.some(({ fault }) => fault !== undefined) ? EXIT.failed : EXIT.done;
}

async function agreed(input: Input): Promise<boolean> {
  if (flag(input, "yes")) return true;
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new TerraceError("TERRACE_NEEDS_YES", "there is no terminal to ask on", {
      next: "give --yes to do it without asking",
      exitCode: EXIT.usage,
    });
  }
  const { confirm } = await import("@inquirer/prompts");
  return confirm({ message: "Do this?", default: false }).catch((error: Error) => {
    if (error.name === "ExitPromptError") return false;
    throw error;
  });
}

/** Ctrl-C stops between two operations; a second one stops at once. */
async function run({ docker, plan }: Prepared): Promise<Outcome[]> {
  const abort = new AbortController();
  const stop = () => {
    note("stopping after the operation under way; press Ctrl-C again to stop at once");
    abort.abort(
      new TerraceError("TERRACE_INTERRUPTED", "stopped before the end", {
        why: "what is listed above was done, the rest was not",
        next: "run this again: it goes on where it stopped",
      }),
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const started = performance.now();
  const report = (line: string) =>
    note(`${paint.dim(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`)}  ${line}`);
  const { http, https } = plan.platform.edge;
  try {
    const edges = [{ host: "127.0.0.1", http, https }];
    const makeBase = (reference: string) => bootstrapBase(docker, reference, report);
    return await apply(plan, {
      makeBase,
      docker,
      signal: abort.signal,
      report,
      edges,
      root: () => readRoot(docker, plan.platform.name),
    });
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

function report(outcomes: Outcome[], plan: Plan, brief: boolean): void {
  const failed = outcomes.filter(({ fault }) => fault !== undefined);
  for (const { url, changed, fault } of brief ? [] : outcomes) {
    if (fault === undefined && changed) print(`${paint.green("✓")} ${url}`);
  }
  for (const { fault } of failed) printError(fault);
  if (failed.length === 0) print(`Done: ${counts(plan, "created", "updated", "deleted")}.`);
  else print(`${failed.length} of ${outcomes.length} sites failed; the others are as their files say.`);
  if (!brief) print("Next: terrace status");
}
