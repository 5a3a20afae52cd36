import { EXIT, type ExitCode, TerraceError } from "../../modules/core/errors.ts";
import type { NodeOutcome } from "../../modules/nodes/index.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { errorJson, note, paint, print, printError, printJson } from "../cli/output.ts";

export const poolUp: Command = {
  name: "up",
  summary: "Make, join and set all servers as platform.yaml says",
  details:
    "Virtual servers are made first, where the driver makes them. Then each server gets Docker Engine, joins the Swarm in its role, and gets its labels and availability; a node that left the file is drained and removed. Doing it again changes nothing. One server that fails stops no other. Only the Swarm is changed under the lock of the platform: servers are made, and get Docker Engine, before.",
  options: [OPTION.env, OPTION.yes, OPTION.wait, OPTION.noWait, OPTION.json],
  examples: [
    { line: "terrace pool up", says: "show what would change, ask, do it" },
    { line: "terrace pool up --yes", says: "in CI" },
  ],
  async run(input) {
    const [{ openWorkspace }, { planPool, poolUp: carryOut }, { agreed, interruptible }, { waitOf }, { showPoolPlan }] =
      await Promise.all([
        import("../cli/workspace.ts"),
        import("../../stacks/pool/up.ts"),
        import("../cli/interact.ts"),
        import("../cli/waiting.ts"),
        import("./plan.ts"),
      ]);
    const wait = waitOf(input);
    const { root, platform } = await openWorkspace(input, "platform");
    if (platform.pool.driver === "local") {
      throw new TerraceError("TERRACE_POOL_LOCAL", "the pool is this machine: there are no servers to join", {
        next: "`npm start` sets this machine up; for more servers set pool.driver in platform.yaml",
        exitCode: EXIT.usage,
      });
    }
    return interruptible(async (signal) => {
      const request = { root, platform, signal, report: note };
      const plan = await planPool(request);
      if (!flag(input, "json")) showPoolPlan(plan);
      if (!(await agreed(input))) {
        note("Nothing was done.");
        return EXIT.failed;
      }
      return tell(await carryOut(plan, request, wait), flag(input, "json"));
    });
  },
};

function tell(outcomes: NodeOutcome[], json: boolean): ExitCode {
  const failed = outcomes.filter(({ fault }) => fault !== undefined);
  if (json) printJson({ nodes: outcomes.map(({ fault, ...rest }) => ({ ...rest, fault: fault && errorJson(fault) })) });
  else for (const outcome of outcomes) show(outcome);
  if (failed.length > 0) return EXIT.failed;
  if (!json) print("Next: terrace up");
  return EXIT.done;
}

function show({ node, address, did, notes, fault }: NodeOutcome): void {
  if (fault !== undefined) {
    printError(fault);
    return;
  }
  const done = did.length === 0 ? "as the file says" : did.join(", ");
  print(`${paint.green("✓")} ${node}${address === undefined ? "" : ` (${address})`}: ${done}`);
  for (const each of notes) print(`  ${each}`);
}
