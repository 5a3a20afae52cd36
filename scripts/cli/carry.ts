import { EXIT, type ExitCode } from "../../modules/core/errors.ts";
import { readRoot, requireFreeRanges } from "../../modules/docker/index.ts";
import { ALL, acquireLock, conflicts, sweepLocks } from "../../modules/engine/index.ts";
import { bootstrapBase, requirePorts } from "../../modules/host/index.ts";
import { objectName } from "../../modules/names/index.ts";
import { apply, type Outcome } from "../../stacks/apply.ts";
import { edgeAddresses } from "../../stacks/edges.ts";
import { isEmpty, type Plan } from "../../stacks/model.ts";
import { hasMoved, isWithin } from "../../stacks/moved.ts";
import { lockScopes } from "../../stacks/scopes.ts";
import { flag, type Input } from "./command.ts";
import { imageSupply } from "./engine.ts";
import { agreed, interruptible } from "./interact.ts";
import { errorJson, note, noteText, paint, print, printFaults, printJson, stopwatch } from "./output.ts";
import type { Prepared } from "./prepare.ts";
import { counts, planJson, showPlan, summary } from "./show-plan.ts";
import { showWaiting, type Wait, waitOf } from "./waiting.ts";

/** How a run is to be carried out. */
export interface CarryOptions {
  /** Only the plan's summary, and only the sites that failed. */
  brief?: boolean;
  /** Nothing on standard output: the run is a part of another command, which tells of it. */
  quiet?: boolean;
  /** The command, as others see it while they wait. */
  reason: string;
  /** Works the plan out anew, where somebody else was at work meanwhile. */
  replan(): Promise<Prepared>;
}

/** Shows the plan, asks, locks, carries it out, and tells what became of every site. */
export async function carry(prepared: Prepared, input: Input, options: CarryOptions): Promise<ExitCode> {
  const wait = waitOf(input);
  const { docker, plan } = prepared;
  show(plan, input, options);
  const locked = await sweepLocks(docker, plan.platform.name);
  if (nothingToDo(plan)) {
    // Whoever changes the same just now may be about to make it something else than the files say.
    const scopes = lockScopes(plan, input.arguments);
    const busy = locked.some((other) => scopes.some((scope) => conflicts(scope, other)));
    if (!busy) return finish(plan, [], input, options);
  } else {
    await requireFree(prepared);
    if (!(await agreed(input))) return refused();
  }
  return interruptible(async (signal) => {
    for (let current = prepared; ; ) {
      const ended = await underLock(current, { input, options, wait, signal });
      if (typeof ended === "number") return ended;
      current = ended;
    }
  });
}

interface Locking {
  input: Input;
  options: CarryOptions;
  wait: Wait;
  signal: AbortSignal;
}

/** Locks what a plan changes, and carries it out. Returns another plan where more must be locked for it by now. */
async function underLock(prepared: Prepared, { input, options, wait, signal }: Locking): Promise<ExitCode | Prepared> {
  const { docker, plan } = prepared;
  const scopes = lockScopes(plan, input.arguments);
  const request = { docker, platform: plan.platform.name, scopes, reason: options.reason };
  const { waiting, done } = showWaiting({ terminal: process.stderr.isTTY === true, write: noteText });
  const lock = await acquireLock({ ...request, ...wait, signal, report: note, waiting }).finally(done);
  try {
    // What was planned before the lock may be done by now, or no more what is to be done.
    const moved = lock.waited || (await hasMoved(docker, plan, scopes));
    const current = moved ? await options.replan() : prepared;
    const more = moved && !isWithin(current.plan, plan);
    if (more || (moved && !isWithin(plan, current.plan))) show(current.plan, input, options);
    if (nothingToDo(current.plan)) return finish(current.plan, [], input, options);
    if (more && !(await agreed(input))) return refused();
    if (more && !covers(scopes, lockScopes(current.plan, input.arguments))) return current;
    const outcomes = await run(current, AbortSignal.any([signal, lock.lost]));
    return finish(current.plan, outcomes, input, options);
  } finally {
    await lock.release();
  }
}

function covers(held: string[], needed: string[]): boolean {
  return held.includes(ALL) || needed.every((scope) => held.includes(scope));
}

function refused(): ExitCode {
  note("Nothing was done.");
  return EXIT.failed;
}

function show(plan: Plan, input: Input, { brief = false, quiet = false }: CarryOptions): void {
  if (quiet || flag(input, "json")) return;
  if (!brief) showPlan(plan);
  print(summary(plan));
  const unsettled = plan.sites.filter((each) => each.unsettled).map(({ site }) => site.name);
  if (unsettled.length > 0) print(`Still on the way, will be waited for: ${unsettled.join(", ")}.`);
}

function nothingToDo(plan: Plan): boolean {
  return isEmpty(plan) && plan.sites.every(({ fault, unsettled }) => fault === undefined && !unsettled);
}

function finish(
  plan: Plan,
  outcomes: Outcome[],
  input: Input,
  { brief = false, quiet = false }: CarryOptions,
): ExitCode {
  if (quiet) {
    printFaults(outcomes);
  } else if (flag(input, "json")) {
    const told = outcomes.map(({ fault, ...rest }) => ({ ...rest, fault: fault && errorJson(fault) }));
    printJson({ ...planJson(plan), outcomes: told });
  } else if (outcomes.length > 0) report(outcomes, plan, brief);
  return outcomes.some(({ fault }) => fault !== undefined) ? EXIT.failed : EXIT.done;
}

/** What a platform takes for itself must be free the first time: address ranges and ports. Later it holds them itself. */
async function requireFree({ docker, plan: { platform, base, edgeChanges } }: Prepared): Promise<void> {
  const networks = base.filter(({ kind, action }) => kind === "network" && action === "create");
  const ranges = [platform.networks.edge, platform.networks.control].map((range, index) => {
    return { name: objectName(platform.name, "platform", index === 0 ? "edge" : "control"), range };
  });
  if (networks.length > 0) await requireFreeRanges(docker, ranges);
  // The ports of other machines can't be looked at from here: their edge says what is in its way.
  if (platform.pool.driver !== "local") return;
  const own = objectName(platform.name, "edge", "caddy");
  if (!edgeChanges.some(({ name, action }) => name === own && action === "create")) return;
  await requirePorts({ docker, ports: [platform.edge.http, platform.edge.https], own });
}

async function run(prepared: Prepared, signal: AbortSignal): Promise<Outcome[]> {
  const { docker, plan } = prepared;
  const report = stopwatch();
  const edges = edgeAddresses(plan.platform);
  const makeBase = (reference: string) => bootstrapBase(docker, reference, report);
  const root = () => readRoot(docker, plan.platform.name);
  const images = await imageSupply(prepared.workspace, { docker, signal, report });
  return apply(plan, { makeBase, docker, signal, report, edges, root, images });
}

function report(outcomes: Outcome[], plan: Plan, brief: boolean): void {
  const failed = outcomes.filter(({ fault }) => fault !== undefined);
  for (const { url, changed, fault } of brief ? [] : outcomes) {
    if (fault === undefined && changed) print(`${paint.green("✓")} ${url}`);
  }
  printFaults(failed);
  if (failed.length === 0) print(`Done: ${counts(plan, "created", "updated", "deleted")}.`);
  else print(`${failed.length} of ${outcomes.length} sites failed; the others are as their files say.`);
  if (!brief) print("Next: terrace status");
}
