import { EXIT } from "../modules/core/errors.ts";
import { type Command, OPTION } from "./cli/command.ts";
import { note, print } from "./cli/output.ts";

export const open: Command = {
  name: "open",
  summary: "Open a site in the browser, or print its address where there is none",
  arguments: [{ name: "site", required: true, says: "the site" }],
  options: [OPTION.env],
  examples: [{ line: "terrace open finance", says: "open https://finance.honghe.localhost/" }],
  async run(input) {
    const [{ openWorkspace }, { siteUrl }, { which, spawn }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("../stacks/apply.ts"),
      import("../modules/host/index.ts"),
    ]);
    const { platform, sites } = await openWorkspace(input, input.arguments);
    const site = sites.find(({ name }) => name === input.arguments[0]);
    const url = siteUrl({ platform }, site?.domains.canonical.ascii ?? "");
    print(url);
    const program = which();
    if (program === undefined) note("There is no browser to open it in here.");
    else await spawn(program, url);
    return EXIT.done;
  },
};
