import { readdir } from "node:fs/promises";
import { EXIT, type ExitCode } from "../../modules/core/errors.ts";
import { restoreFiles } from "../../stacks/backup/files.ts";
import { backupCommand } from "../cli/backup-command.ts";
import { flag, type Input, text } from "../cli/command.ts";
import { print, printJson } from "../cli/output.ts";
import { givenOf, usage } from "./usage.ts";

/** Writes a site's file and its pages out of a backup into a folder of this machine. */
export async function restoreFilesTo(input: Input): Promise<ExitCode> {
  const [site = ""] = input.arguments;
  const folder = text(input, "files") ?? "";
  await refuseOthers(input, folder);
  return backupCommand(input, "restore --files", async (context) => {
    const from = await restoreFiles(context, {
      site,
      at: text(input, "at"),
      folder,
      fromCopy: flag(input, "fromCopy"),
    });
    if (flag(input, "json")) printJson({ site, folder, from });
    else {
      print(`Wrote the files of ${site} in the backup ${from.backup} to ${folder}.`);
      print(`Next: put what you need of them into the checkout, then terrace plan ${site}`);
    }
    return EXIT.done;
  });
}

async function refuseOthers(input: Input, folder: string): Promise<void> {
  const other = givenOf(input, ["volume", "path", "as"], ["list", "database"]);
  if (other !== undefined) throw usage(`--files does not go with ${other}`);
  if (folder === "") throw usage("--files takes the name of a folder that is new or empty");
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw usage(`--files takes a folder that is new or empty; ${folder} cannot be read as one`);
  });
  if (there.length > 0) throw usage(`--files takes a folder that is new or empty; ${folder} has something in it`);
}
