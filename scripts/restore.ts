import type { StoredBackup } from "../modules/backup/index.ts";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { formatMinute } from "../modules/core/time.ts";
import type { Restored } from "../stacks/backup/restore.ts";
import { type Command, flag, type Input, OPTION, text } from "./cli/command.ts";
import { note, print, printError, printJson } from "./cli/output.ts";
import { givenOf, usage } from "./restore/usage.ts";

export const restore: Command = {
  name: "restore",
  summary: "Put a site's data back as a backup has it",
  details:
    "Without options: all volumes and the database, from the newest backup. What is there now is backed up first. Volumes are fetched and verified beside the site while it serves; it stops for the moments in which they take their place, and for the load of its database.",
  arguments: [{ name: "site", required: false, says: "the site; none with --all" }],
  options: [
    OPTION.env,
    {
      flags: "--at <backup>",
      says: "a backup's id or its beginning, a snapshot's, or a time: the last one until then",
    },
    { flags: "--volume <name>", says: "only this volume" },
    { flags: "--path <path>", says: "only this file or folder within the volume" },
    { flags: "--database", says: "only the database" },
    { flags: "--as <name>", says: "make another site of this name with the data; the site itself is not touched" },
    { flags: "--all", says: "rebuild a lost cluster: bring all sites up and put the data of each back" },
    { flags: "--key <file>", says: "with --all: the key of the repositories, as `backup key export` printed it" },
    { flags: "--identity <file>", says: "with --key: the file with age's private key" },
    {
      flags: "--files <folder>",
      says: "write only its file and its pages, into a new folder; nothing else is touched",
    },
    OPTION.fromCopy,
    { flags: "--list", says: "list the backups that there are, and restore nothing" },
    { flags: "--no-safety", says: "do not back up first what is there now" },
    OPTION.json,
    OPTION.yes,
    OPTION.noWait,
  ],
  examples: [
    { line: "terrace restore mailbox --list", says: "what there is" },
    { line: "terrace restore mailbox --at 2026-11-20", says: "all of it as it was at the end of that day" },
    { line: "terrace restore mailbox --volume data --path /uploads/2026", says: "one folder" },
    { line: "terrace restore mailbox --as mailbox-old --at 2026-11-20", says: "a copy beside it" },
    { line: "terrace restore mailbox --from-copy", says: "from the second place, where the first is lost or damaged" },
    { line: "terrace restore gejiu --files gejiu-old", says: "its file and its pages, into the folder gejiu-old" },
    { line: "terrace restore --all --key backup-key.age --identity key.txt", says: "everything, on new servers" },
  ],
  async run(input) {
    if (flag(input, "all")) return (await import("./restore/all.ts")).restoreAll(input);
    refuseStray(input);
    if (text(input, "files") !== undefined) return (await import("./restore/files.ts")).restoreFilesTo(input);
    if (text(input, "as") !== undefined) return (await import("./restore/beside.ts")).restoreAside(input);
    const [{ backupCommand }, { listBackups, restoreSite }, { agreed }] = await Promise.all([
      import("./cli/backup-command.ts"),
      import("../stacks/backup/restore.ts"),
      import("./cli/interact.ts"),
    ]);
    return backupCommand(input, "restore", async (context, [site = ""]) => {
      if (flag(input, "list")) return showList(input, await listBackups(context, site, flag(input, "fromCopy")));
      const place = flag(input, "fromCopy") ? ", read at the second place" : "";
      note(`This replaces ${whatOf(input)} of ${site} by the backup ${text(input, "at") ?? "made last"}${place}.`);
      if (!(await agreed(input))) return EXIT.failed;
      const done = await restoreSite(context, {
        site,
        at: text(input, "at"),
        volume: text(input, "volume"),
        path: text(input, "path"),
        database: flag(input, "database"),
        safety: input.options.safety !== false,
        fromCopy: flag(input, "fromCopy"),
      });
      if (flag(input, "json")) printJson(done);
      else {
        print(`Restored ${site} from the backup ${done.from.backup}.`);
        if (done.safety !== undefined) print(`To take it back: terrace restore ${site} --at ${done.safety}`);
      }
      if (done.down === undefined) return EXIT.done;
      printError(siteDown(site, done.down));
      return EXIT.failed;
    });
  },
};

function siteDown(site: string, { cause, why, log }: NonNullable<Restored["down"]>): TerraceError {
  return new TerraceError("TERRACE_SITE_DOWN", `${site} does not come up on what was restored: ${why}`, {
    why: log.length === 0 ? undefined : `its last lines:\n${log.map((line) => `  | ${line}`).join("\n")}`,
    next: `its data is as the backup has it: mend the site's file or image, or take it back; then terrace status ${site}`,
    reason: cause,
  });
}

/** What would do nothing beside what else is given. The other ways to restore refuse what does not go with them. */
function refuseStray(input: Input): void {
  if (input.arguments.length === 0) throw usage("name a site, or give --all");
  const ofAll = givenOf(input, ["key", "identity"], []);
  if (ofAll !== undefined) throw usage(`${ofAll} belongs to --all`);
  const parts = givenOf(input, ["volume", "path"], []);
  const plain = text(input, "files") === undefined && text(input, "as") === undefined;
  if (plain && flag(input, "list")) {
    const chosen = givenOf(input, ["at", "volume", "path"], ["database"]);
    if (chosen !== undefined) throw usage(`--list does not go with ${chosen}: it restores nothing`);
  }
  if (plain && flag(input, "database") && parts !== undefined) throw usage(`--database does not go with ${parts}`);
}

function whatOf(input: Input): string {
  if (flag(input, "database")) return "the database";
  const volume = text(input, "volume");
  return text(input, "path") ?? (volume === undefined ? "all data" : `the volume ${volume}`);
}

async function showList(input: Input, backups: StoredBackup[]): Promise<0> {
  if (flag(input, "json")) {
    printJson(backups);
    return EXIT.done;
  }
  const { table } = await import("./cli/table.ts");
  const rows = backups.map(({ backup, time, files, safety, failed, database }) => [
    backup,
    formatMinute(time),
    files.slice(0, 8),
    database?.slice(0, 8) ?? "-",
    failed ? "failed" : safety ? "before a restore" : "",
  ]);
  print(backups.length === 0 ? "There is none." : table(["BACKUP", "TIME", "FILES", "DATABASE", "MADE"], rows));
  return EXIT.done;
}
