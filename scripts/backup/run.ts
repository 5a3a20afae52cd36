import { type Command, flag, OPTION } from "../cli/command.ts";

export const runBackup: Command = {
  name: "run",
  summary: "Back sites up now, whatever the schedule says",
  details:
    "Reads the site's volumes while it goes on, dumps its database, and writes both to its repository. A backup that is empty, tiny or much smaller than the last good one has failed, and nothing older is removed then.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [
    OPTION.env,
    OPTION.json,
    OPTION.noWait,
    { flags: "--accept", says: "take the backup for good though it is small, or beside those of a lost cluster" },
  ],
  examples: [
    { line: "terrace backup run gejiu", says: "one site" },
    { line: "terrace backup run shop --accept", says: "after much of the shop's data was removed on purpose" },
  ],
  async run(input) {
    const [{ eachSite }, { backupSite }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/run.ts"),
    ]);
    return eachSite(input, "backup run", (context, site) => backupSite(context, site, flag(input, "accept")));
  },
};
