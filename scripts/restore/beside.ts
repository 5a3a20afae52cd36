import { EXIT, type ExitCode } from "../../modules/core/errors.ts";
import { isDnsLabel } from "../../modules/units/index.ts";
import { copySiteFile } from "../../modules/workspace/index.ts";
import { type BesideRequest, prepareBeside, restoreBeside } from "../../stacks/backup/beside.ts";
import { deploy } from "../apply.ts";
import { backupCommand } from "../cli/backup-command.ts";
import { flag, type Input, text } from "../cli/command.ts";
import { agreed } from "../cli/interact.ts";
import { note, print, printJson } from "../cli/output.ts";
import { NO_SITE, showPending } from "../cli/pending.ts";
import { givenOf, usage } from "./usage.ts";

/** Restores a copy of a site under another name: its file is written, the copy brought up, and the backup's data put into it. */
export async function restoreAside(input: Input): Promise<ExitCode> {
  const request = requestOf(input);
  const { site, name } = request;
  const json = flag(input, "json");
  return backupCommand(input, `restore --as ${name}`, async (context, _, workspace) => {
    await showPending(workspace, NO_SITE, json);
    note(`This makes the site ${name} with data of ${site}; ${site} itself is not touched.`);
    if (!(await agreed(input))) return EXIT.failed;
    const from = await prepareBeside(context, request);
    if (await copySiteFile(process.cwd(), site, name)) note(`wrote site-configs/${name}.yaml`);
    const sure = { arguments: [name], options: { ...input.options, yes: true, json: false } };
    const first = await deploy("up", sure, json);
    await restoreBeside(context, request, from);
    // What did not start for want of its data starts now.
    const up = first === EXIT.done ? first : await deploy("up", sure, json);
    if (json) printJson({ site: name, of: site, from });
    else {
      print(`Restored ${site} as ${name} from the backup ${from.backup}.`);
      print(`Next: terrace status. To be rid of it: retire ${name}, docs/guides/restore.md`);
    }
    return up;
  });
}

function requestOf(input: Input): BesideRequest {
  const [site = ""] = input.arguments;
  const name = text(input, "as") ?? "";
  const other = givenOf(input, ["volume", "path"], ["list", "database"]);
  if (other !== undefined) throw usage(`--as does not go with ${other}`);
  if (!isDnsLabel(name)) throw usage(`--as takes a name of lower-case letters, digits and hyphens, got ${name}`);
  if (name === site) throw usage("--as takes another name than the site's own");
  return { site, name, at: text(input, "at"), fromCopy: flag(input, "fromCopy") };
}
