import { EXIT } from "../modules/core/errors.ts";
import { agent } from "./backup/agent.ts";
import { checkBackup } from "./backup/check.ts";
import { backupHistory } from "./backup/history.ts";
import { key } from "./backup/key.ts";
import { proveBackup } from "./backup/prove.ts";
import { runBackup } from "./backup/run.ts";
import { type Command, flag, OPTION } from "./cli/command.ts";
import { paint, print, printJson } from "./cli/output.ts";

export const backup: Command = {
  name: "backup",
  summary: "Show the backups of every site: the last one, its size, the last copy and proven restore, what comes next",
  details: "Exits with 1 where a backup, its copy or a proof is late, or the last run of anything failed.",
  options: [OPTION.env, OPTION.json],
  examples: [
    { line: "terrace backup", says: "all sites" },
    { line: "terrace backup run gejiu", says: "back one site up now" },
  ],
  subcommands: [runBackup, proveBackup, checkBackup, backupHistory, key, agent],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { overview }, { backupTable }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../stacks/backup/overview.ts"),
      import("./cli/backup-table.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const { platform } = workspace;
    const docker = await connectTo(workspace);
    const seen = await overview(docker, platform.name, new Date());
    if (flag(input, "json")) printJson(seen);
    else {
      print(backupTable(seen));
      print();
      const bad = seen.sites.filter(({ ok }) => !ok);
      for (const { site, faults } of bad) for (const fault of faults) print(paint.red(`  ${site}: ${fault}`));
      for (const { site, notes } of seen.sites) for (const each of notes) print(paint.yellow(`  ${site}: ${each}`));
      for (const fault of seen.faults) print(paint.red(`  ${fault}`));
      if (seen.ok) print(`The backups of all ${seen.sites.length} sites are in order.`);
      print("Next: terrace backup run SITE, terrace restore SITE");
    }
    return seen.ok ? EXIT.done : EXIT.failed;
  },
};
