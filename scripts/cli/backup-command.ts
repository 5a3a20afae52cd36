import type { BackupRun } from "../../modules/backup/index.ts";
import { EXIT, type ExitCode } from "../../modules/core/errors.ts";
import { formatSize } from "../../modules/units/index.ts";
import { readBackups, requireEntry, requireList } from "../../stacks/backup/cluster.ts";
import type { BackupContext } from "../../stacks/backup/run.ts";
import { flag, type Input } from "./command.ts";
import { connectTo } from "./engine.ts";
import { interruptible } from "./interact.ts";
import { paint, print, printJson, stopwatch } from "./output.ts";
import { type OpenWorkspace, openWorkspace } from "./workspace.ts";

/**
 * What all commands on backups begin with: the platform, the sites that are meant, and a way to stop. They work from what was
 * applied, so another site's broken file is no matter.
 */
export async function backupCommand(
  input: Input,
  reason: string,
  work: (context: BackupContext, sites: string[], workspace: OpenWorkspace) => Promise<ExitCode>,
): Promise<ExitCode> {
  const workspace = await openWorkspace(input, "platform");
  const { platform } = workspace;
  const docker = await connectTo(workspace);
  const list = requireList(await readBackups(docker, platform.name), platform.name);
  const sites = input.arguments.length > 0 ? input.arguments : list.sites.map(({ site }) => site);
  for (const site of sites) requireEntry(list, site);
  const report = stopwatch();
  const noWait = input.options.wait === false;
  const named = [reason, ...input.arguments].join(" ");
  return interruptible((signal) =>
    work({ docker, platform: platform.name, signal, reason: named, noWait, report }, sites, workspace),
  );
}

/** Does one thing with each site that is meant, one after another, and tells what became of it. */
export function eachSite(
  input: Input,
  reason: string,
  work: (context: BackupContext, site: string) => Promise<BackupRun[]>,
): Promise<ExitCode> {
  return backupCommand(input, reason, async (context, sites) => {
    const done = [];
    for (const site of sites) done.push({ site, runs: await work(context, site) });
    printRuns(input, done);
    return done.every(({ runs }) => runs.every(({ ok }) => ok)) ? EXIT.done : EXIT.failed;
  });
}

function printRuns(input: Input, done: { site: string; runs: BackupRun[] }[]): void {
  if (flag(input, "json")) printJson(done);
  else for (const { site, runs } of done) for (const run of runs) print(runLine(site, run));
}

function runLine(site: string, run: BackupRun): string {
  if (!run.ok) return `${paint.red("✗")} ${site}: ${run.action} failed (${run.reason}): ${run.says}`;
  if (run.action !== "backup") return `${paint.green("✓")} ${site}: ${run.action}`;
  const rows = Object.values(run.tables ?? {}).reduce((sum, count) => sum + count, 0);
  const database = run.tables === undefined ? "" : `, ${Object.keys(run.tables).length} tables with ${rows} rows`;
  const size = `${formatSize(run.bytes ?? 0)} in ${run.files} files${database}, ${formatSize(run.added ?? 0)} new`;
  return `${paint.green("✓")} ${site}: backup ${run.backup}, ${size}`;
}
