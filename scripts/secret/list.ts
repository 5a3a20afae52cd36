import { EXIT } from "../../modules/core/errors.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { print, printJson } from "../cli/output.ts";

export const list: Command = {
  name: "list",
  summary: "List the secrets of sites and of backups: where each comes from, since when, and whether it is in use",
  details: "Values are never shown, and a command that would give one is not run.",
  arguments: [
    {
      name: "sites...",
      required: false,
      says: "only these sites, or `backup` for what the places of backups ask for; all where none is named",
    },
  ],
  options: [OPTION.env, OPTION.json],
  examples: [{ line: "terrace secret list", says: "all sites" }],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { listSecrets }, { table }] = await Promise.all([
      import("../cli/workspace.ts"),
      import("../cli/engine.ts"),
      import("../../stacks/secrets.ts"),
      import("../cli/table.ts"),
    ]);
    const all = input.arguments.length === 0;
    const names = input.arguments.filter((name) => name !== "backup");
    const workspace = await openWorkspace(input, all || names.length > 0 ? names : "platform");
    const { root, platform, sites } = workspace;
    const chosen = sites.filter(({ name }) => all || input.arguments.includes(name));
    const credentials = all || names.length < input.arguments.length;
    const secrets = await listSecrets(await connectTo(workspace), { root, platform, sites: chosen, credentials });
    if (flag(input, "json")) printJson(secrets);
    else if (secrets.length === 0) print("There is no secret.");
    else {
      const rows = secrets.map((each) => [
        ...[each.site, each.name, each.source ?? "none", each.set ?? "-", each.live?.slice(0, 10) ?? "-"],
        each.wanted
          ? each.live === undefined
            ? "not deployed"
            : "yes"
          : `no: ${each.site === "backup" ? "platform.yaml" : "the site's file"} does not name it`,
      ]);
      print(table(["SITE", "NAME", "SOURCE", "SET", "DEPLOYED", "IN USE"], rows));
    }
    return EXIT.done;
  },
};
