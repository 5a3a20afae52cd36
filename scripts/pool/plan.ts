import { EXIT } from "../../modules/core/errors.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { note, print, printJson } from "../cli/output.ts";

export const poolPlan: Command = {
  name: "plan",
  summary: "Show what `pool up` would do with the servers, and do none of it",
  details:
    "Where the driver makes virtual servers, OpenTofu or Terraform works out what it would make; beside that, what differs between the nodes of platform.yaml and those of the Swarm.",
  options: [OPTION.env, OPTION.json],
  examples: [{ line: "terrace pool plan", says: "before `terrace pool up`" }],
  async run(input) {
    const [{ openWorkspace }, { planPool }] = await Promise.all([
      import("../cli/workspace.ts"),
      import("../../stacks/pool/up.ts"),
    ]);
    const { root, platform } = await openWorkspace(input, "platform");
    const plan = await planPool({ root, platform, report: note });
    if (flag(input, "json")) printJson({ servers: plan.servers?.changes ?? [], nodes: plan.nodes });
    else showPoolPlan(plan);
    return EXIT.done;
  },
};

/** A plan as people read it. */
export function showPoolPlan({
  servers,
  nodes,
}: Awaited<ReturnType<typeof import("../../stacks/pool/up.ts").planPool>>): void {
  for (const { address, actions } of servers?.changes ?? []) print(`  ${actions.join(" and ")} ${address}`);
  for (const { node, action, what } of nodes) print(`  ${action} node ${node}: ${what.join(", ")}`);
  const count = (servers?.changes.length ?? 0) + nodes.length;
  print(count === 0 ? "No changes: the pool is as platform.yaml says." : "Next: terrace pool up");
}
