import { EXIT } from "../modules/core/errors.ts";
import { type Command, flag, OPTION } from "./cli/command.ts";
import { print, printError, printJson } from "./cli/output.ts";

export const plan: Command = {
  name: "plan",
  summary: "Show everything that apply would do, and do none of it",
  details: "Reads the files and the cluster and compares them, property by property. Secret values are never shown.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [
    OPTION.env,
    OPTION.asOf,
    OPTION.json,
    { flags: "--detailed-exitcode", says: "exit with 3 where there are changes" },
  ],
  examples: [
    { line: "terrace plan", says: "what would change, for all sites" },
    { line: "terrace plan finance --json", says: "for one site, as JSON" },
    { line: "terrace plan --as-of 2027-01-05", says: "what would change on that day" },
  ],
  async run(input) {
    const { prepare } = await import("./cli/prepare.ts");
    const { showPlan, planJson, summary } = await import("./cli/show-plan.ts");
    const { plan: made } = await prepare(input, input.arguments);
    const faults = made.sites.flatMap(({ fault }) => fault ?? []);
    const { isEmpty } = await import("../stacks/model.ts");
    const changes = !isEmpty(made);
    if (flag(input, "json")) printJson(planJson(made));
    else {
      showPlan(made);
      print(summary(made));
      if (changes) print("Next: terrace apply");
    }
    for (const fault of faults) printError(fault);
    if (faults.length > 0) return EXIT.failed;
    return changes && flag(input, "detailedExitcode") ? EXIT.changes : EXIT.done;
  },
};
