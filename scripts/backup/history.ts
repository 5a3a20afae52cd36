import type { BackupRun } from "../../modules/backup/index.ts";
import { EXIT } from "../../modules/core/errors.ts";
import { formatSize } from "../../modules/units/index.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { paint, print, printJson } from "../cli/output.ts";
import { table } from "../cli/table.ts";

export const backupHistory: Command = {
  name: "history",
  summary: "Show what was run for a site: backups, copies, retention, checks, proofs and restores, the newest first",
  details: "The last eight of each are remembered, and beyond them the last good one.",
  arguments: [{ name: "site", required: true, says: "the site" }],
  options: [OPTION.env, OPTION.json],
  examples: [{ line: "terrace backup history gejiu", says: "all that is remembered of one site" }],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { runsOf }] = await Promise.all([
      import("../cli/workspace.ts"),
      import("../cli/engine.ts"),
      import("../../stacks/backup/overview.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const [site = ""] = input.arguments;
    const runs = await runsOf(await connectTo(workspace), workspace.platform.name, site);
    if (flag(input, "json")) {
      printJson({ site, runs });
      return EXIT.done;
    }
    const rows = runs.map((run) => [time(run.began), run.action, took(run), outcome(run), run.backup ?? "", size(run)]);
    print(rows.length === 0 ? "Nothing was run yet." : table(["BEGAN", "WHAT", "TOOK", "", "BACKUP", "SIZE"], rows));
    print("Next: terrace backup, for what is wrong now and what comes next");
    return EXIT.done;
  },
};

function time(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

function took({ began, ended }: BackupRun): string {
  return `${Math.round((Date.parse(ended) - Date.parse(began)) / 1000)} s`;
}

function outcome({ ok, reason, says }: BackupRun): string {
  return ok ? "ok" : paint.red(`${reason}: ${says}`);
}

function size({ bytes }: BackupRun): string {
  return bytes === undefined ? "" : formatSize(bytes);
}
