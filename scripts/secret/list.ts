import { EXIT } from "../../modules/core/errors.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { print, printJson } from "../cli/output.ts";

export const list: Command = {
  name: "list",
  summary: "List the sites' secrets: where each comes from, since when, and whether it is in use",
  details: "Values are never shown, and a command that would give one is not run.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [OPTION.env, OPTION.json],
  examples: [{ line: "terrace secret list", says: "all sites" }],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { listSecrets }, { table }] = await Promise.all([
      import("../cli/workspace.ts"),
      import("../cli/engine.ts"),
      import("../../stacks/secrets.ts"),
      import("../cli/table.ts"),
    ]);
    const workspace = await openWorkspace(input, input.arguments);
    const { root, platform, sites } = workspace;
    const chosen = sites.filter(({ name }) => input.arguments.length === 0 || input.arguments.includes(name));
    const secrets = await listSecrets(await connectTo(workspace), { root, platform, sites: chosen });
    if (flag(input, "json")) printJson(secrets);
    else if (secrets.length === 0) print("No site has a secret.");
    else {
      const rows = secrets.map((each) => [
        ...[each.site, each.name, each.source ?? "none", each.set ?? "-", each.live?.slice(0, 10) ?? "-"],
        each.wanted ? (each.live === undefined ? "not deployed" : "yes") : "no: the site's file does not name it",
      ]);
      print(table(["SITE", "NAME", "SOURCE", "SET", "DEPLOYED", "IN USE"], rows));
    }
    return EXIT.done;
  },
};
