import { type Command, flag, OPTION } from "../cli/command.ts";

export const proveBackup: Command = {
  name: "prove",
  summary: "Prove backups by restoring them beside the site",
  details:
    "Restores the newest backup into throwaway volumes and services on a network that leads nowhere, verifies its files, loads its database and counts tables and rows, starts the site on it and asks for its home page. Removes all of it then. The site itself goes on.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [OPTION.env, OPTION.json, OPTION.noWait, OPTION.fromCopy],
  examples: [
    { line: "terrace backup prove gejiu", says: "one site" },
    { line: "terrace backup prove gejiu --from-copy", says: "the same of what was copied to the second place" },
  ],
  async run(input) {
    const [{ eachSite }, { proveSite }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/prove.ts"),
    ]);
    return eachSite(input, "backup prove", async (context, site) => [
      await proveSite(context, site, flag(input, "fromCopy")),
    ]);
  },
};
