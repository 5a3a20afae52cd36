import { EXIT } from "../modules/core/errors.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { print, printJson, printProblems } from "./cli/output.ts";

export const validate: Command = {
  name: "validate",
  summary: "Check platform.yaml and all site files, and touch nothing",
  details: "All errors of all files are reported at once, each with its file, line and column. Needs no Docker.",
  options: [OPTION.env, OPTION.asOf, OPTION.json],
  examples: [{ line: "terrace validate", says: "check everything" }],
  async run(input) {
    const { loadWorkspace } = await import("../modules/workspace/index.ts");
    const { sites, problems } = await loadWorkspace({
      root: process.cwd(),
      env: text(input, "env"),
      asOf: text(input, "asOf"),
    });
    const errors = problems.filter(({ severity }) => severity === "error").length;
    if (flag(input, "json")) printJson({ sites: sites.map(({ name }) => name), problems });
    else {
      printProblems(problems);
      if (errors > 0) print(`${errors} error${errors === 1 ? "" : "s"}.`);
      else print(`${sites.length} sites are valid. Next: terrace plan`);
    }
    return errors === 0 ? EXIT.done : EXIT.usage;
  },
};
