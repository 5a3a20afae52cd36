import { dirname } from "node:path";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import type { Plan } from "../stacks/model.ts";
import type { PlanFile } from "../stacks/plan-file.ts";
import { type Command, flag, type Input, isPlanFile, OPTION, text } from "./cli/command.ts";
import { print, printFaults, printJson } from "./cli/output.ts";

export const plan: Command = {
  name: "plan",
  summary: "Show everything that apply would do, and do none of it",
  details: "Reads the files and the cluster and compares them, property by property. Secret values are never shown.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [
    OPTION.env,
    OPTION.asOf,
    OPTION.json,
    { flags: "--markdown", says: "print it as a comment for a merge request" },
    { flags: "-o, --output <file>", says: "also write the plan to a file, for `terrace apply FILE`" },
    { flags: "--detailed-exitcode", says: "exit with 3 where there are changes" },
  ],
  examples: [
    { line: "terrace plan", says: "what would change, for all sites" },
    { line: "terrace plan finance --json", says: "for one site, as JSON" },
    { line: "terrace plan -o review.plan", says: "keep it, so that `terrace apply review.plan` does just this" },
    { line: "terrace plan --as-of 2027-01-05", says: "what would change on that day" },
  ],
  async run(input) {
    const [{ prepare }, { isEmpty }] = await Promise.all([import("./cli/prepare.ts"), import("../stacks/model.ts")]);
    const { plan: made, workspace } = await prepare(input, input.arguments);
    const file = text(input, "output");
    if (file !== undefined)
      await write(file, made, { only: input.arguments, env: text(input, "env"), date: workspace.date });
    const what = file === undefined ? input.arguments : [asFile(file)];
    await show(made, input, ["terrace apply", ...what].join(" "));
    printFaults(made.sites.map(({ site, fault }) => ({ site: site.name, fault })));
    if (made.sites.some(({ fault }) => fault !== undefined)) return EXIT.failed;
    return !isEmpty(made) && flag(input, "detailedExitcode") ? EXIT.changes : EXIT.done;
  },
};

async function show(plan: Plan, input: Input, next: string): Promise<void> {
  if (flag(input, "markdown")) {
    const { planMarkdown } = await import("./cli/markdown.ts");
    return print(planMarkdown(plan).trimEnd());
  }
  const { showPlan, planJson, summary } = await import("./cli/show-plan.ts");
  if (flag(input, "json")) return printJson(planJson(plan));
  const { isEmpty } = await import("../stacks/model.ts");
  showPlan(plan);
  print(summary(plan));
  if (!isEmpty(plan)) print(`Next: ${next}`);
}

async function write(path: string, plan: Plan, request: PlanFile["request"]): Promise<void> {
  const [{ writeFile }, { toPlanFile }] = await Promise.all([
    import("node:fs/promises"),
    import("../stacks/plan-file.ts"),
  ]);
  const text = `${JSON.stringify(toPlanFile(plan, request, new Date()), null, 1)}\n`;
  await writeFile(path, text).catch((error: NodeJS.ErrnoException) => {
    const folder = dirname(path);
    const missing = error.code === "ENOENT";
    throw new TerraceError("TERRACE_USAGE", `the plan cannot be written to ${path}`, {
      why: missing ? `there is no folder ${folder}` : error.message,
      next: missing ? `mkdir -p ${folder}, then run this again` : "name another file with --output",
      exitCode: EXIT.usage,
    });
  });
}

/** Apply takes a bare word for a site. */
function asFile(path: string): string {
  return isPlanFile(path) ? path : `./${path}`;
}
