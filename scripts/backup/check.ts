import { type Command, OPTION } from "../cli/command.ts";

export const checkBackup: Command = {
  name: "check",
  summary: "Read every byte of the repositories, and of their copies, and check it",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [OPTION.env, OPTION.json, OPTION.noWait],
  examples: [{ line: "terrace backup check gejiu", says: "one site" }],
  async run(input) {
    const [{ eachSite }, { checkSite }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/check.ts"),
    ]);
    return eachSite(input, "backup check", async (context, site) => [await checkSite(context, site)]);
  },
};
