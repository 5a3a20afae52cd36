import { EXIT } from "../../modules/core/errors.ts";
import { type Command, OPTION } from "../cli/command.ts";

export const checkBackup: Command = {
  name: "check",
  summary: "Read every byte of the repositories and check it",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [OPTION.env, OPTION.json, OPTION.noWait],
  examples: [{ line: "terrace backup check gejiu", says: "one site" }],
  async run(input) {
    const [{ backupCommand, printRuns }, { checkSite }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/run.ts"),
    ]);
    return backupCommand(input, "backup check", async (context, sites) => {
      const done = [];
      for (const site of sites) done.push({ site, runs: [await checkSite(context, site)] });
      printRuns(input, done);
      return done.every(({ runs }) => runs.every(({ ok }) => ok)) ? EXIT.done : EXIT.failed;
    });
  },
};
