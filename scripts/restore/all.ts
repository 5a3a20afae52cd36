import { EXIT, type ExitCode, TerraceError } from "../../modules/core/errors.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { importKey } from "../../stacks/backup/keys.ts";
import { lacksKey, type Recovered, recoverSites } from "../../stacks/backup/recover.ts";
import type { BackupContext } from "../../stacks/backup/run.ts";
import { deploy } from "../apply.ts";
import { readKey } from "../backup/key-file.ts";
import { backupCommand } from "../cli/backup-command.ts";
import { flag, type Input, text } from "../cli/command.ts";
import { agreed } from "../cli/interact.ts";
import { errorJson, note, paint, print, printError, printJson } from "../cli/output.ts";
import { table } from "../cli/table.ts";
import { brokenFiles, openWorkspace } from "../cli/workspace.ts";
import { givenOf, usage } from "./usage.ts";

/**
 * Rebuilds a lost cluster: what the files say, the key, and then the data of every site that has none of its own here. A site that does
 * not start without its data is brought up once more at the end.
 */
export async function restoreAll(input: Input): Promise<ExitCode> {
  refuseOthers(input);
  const file = text(input, "key");
  const key = file === undefined ? undefined : await readKey(file, text(input, "identity"));
  const { named, broken } = await sitesOf(input);
  const withKey = file === undefined ? "" : ` gives it the key in ${file},`;
  note(
    `This makes the cluster as the files say,${withKey} and puts back the data of all sites that have none of their own here.`,
  );
  if (!(await agreed(input))) return EXIT.failed;
  const json = flag(input, "json");
  const sure = { arguments: named, options: { ...input.options, yes: true, json: false } };
  const first = await deploy("up", sure, json);
  const recovered = [...broken];
  await backupCommand({ ...input, arguments: [] }, "restore --all", async (context) => {
    recovered.push(...(await recover(context, input, key)));
    return EXIT.done;
  });
  // What did not start for want of its data starts now.
  const up = first === EXIT.done ? first : await deploy("up", sure, json);
  return tell(input, recovered, up);
}

/** All sites are meant, whole. */
function refuseOthers(input: Input): void {
  if (flag(input, "fromCopy")) {
    throw new TerraceError("TERRACE_USAGE", "--all does not go with --from-copy", {
      why: "the sites are to be backed up again, so the place that is left becomes the first",
      next: "docs/guides/restore.md, A lost cluster",
      exitCode: EXIT.usage,
    });
  }
  const [site] = input.arguments;
  const what = site ?? givenOf(input, ["volume", "path", "as", "files"], ["list", "database"]);
  if (what !== undefined) throw usage(`--all does not go with ${what}`);
  if (text(input, "identity") !== undefined && text(input, "key") === undefined) throw usage("--identity needs --key");
}

/** A site's file that is broken stops no other site. Names are given only where some are left out. */
async function sitesOf(input: Input): Promise<{ named: string[]; broken: Recovered[] }> {
  const workspace = await openWorkspace(input, "platform");
  const { platform, sites } = workspace;
  if (platform.backup.repository === undefined) {
    throw new TerraceError("TERRACE_NO_BACKUPS", `the platform ${platform.name} makes no backups`, {
      where: "platform.yaml, backup",
      next: "name the place where they are: backup: { repository: ... }",
    });
  }
  const faulty = brokenFiles(workspace);
  if (faulty.length > 0 && sites.length === 0) throw usage("no site's file can be read");
  const broken = faulty.map((file): Recovered => {
    const site = file.replace(/^.*\/|\.ya?ml$/g, "");
    return { site, state: "failed", backup: undefined, says: `${file} has errors`, fault: undefined };
  });
  return { named: faulty.length === 0 ? [] : sites.map(({ name }) => name), broken };
}

async function recover(context: BackupContext, input: Input, key: Secret | undefined): Promise<Recovered[]> {
  if (key !== undefined) await importKey(context, key);
  const recovered = await recoverSites(context, { at: text(input, "at"), safety: input.options.safety !== false });
  if (!lacksKey(recovered)) return recovered;
  throw new TerraceError("TERRACE_BACKUP_KEY", "none of the backups opens with the key that this cluster has", {
    why:
      key === undefined
        ? "the key went with the lost cluster, and this one made another for itself; the sites are up, without their data"
        : "the repositories were made or last used with another key",
    next: "terrace restore --all --key FILE --identity AGE-KEY, with what `terrace backup key export` printed last. Without that key nobody can read these backups",
  });
}

function tell(input: Input, recovered: Recovered[], up: ExitCode): ExitCode {
  const failed = recovered.filter(({ state }) => state === "failed");
  if (flag(input, "json")) {
    printJson({ sites: recovered.map(({ fault, ...rest }) => ({ ...rest, fault: fault && errorJson(fault) })) });
  } else {
    for (const { fault } of failed) if (fault !== undefined) printError(fault);
    print(
      table(
        ["SITE", "DATA", ""],
        recovered.map(({ site, state, says }) => [site, word(state), says]),
      ),
    );
    print();
    const count = recovered.filter(({ state }) => state === "restored").length;
    print(`${count} of ${recovered.length} sites were put back, ${failed.length} failed.`);
    print(
      failed.length > 0
        ? "Next: mend what is named, then run this again: it goes on."
        : "Next: terrace status; terrace backup",
    );
  }
  return failed.length === 0 ? up : EXIT.failed;
}

function word(state: Recovered["state"]): string {
  if (state === "failed") return paint.red("failed");
  return state === "no-data" ? "none" : state;
}
