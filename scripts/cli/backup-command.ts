import type { BackupRun } from "../../modules/backup/index.ts";
import { EXIT, type ExitCode, TerraceError } from "../../modules/core/errors.ts";
import { isBroken } from "../../modules/docker/index.ts";
import { formatSize } from "../../modules/units/index.ts";
import { readBackups, requireEntry, requireList } from "../../stacks/backup/cluster.ts";
import type { BackupContext } from "../../stacks/backup/run.ts";
import { flag, type Input } from "./command.ts";
import { connectTo } from "./engine.ts";
import { interruptible } from "./interact.ts";
import { errorJson, paint, print, printError, printFaults, printJson, stopwatch } from "./output.ts";
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

/** What became of one site; `fault` is what kept the work from being done, or from being remembered. */
export interface SiteRuns {
  site: string;
  runs: BackupRun[];
  fault?: unknown;
}

/** Does one thing with each site that is meant, one after another, and tells what became of it. */
export function eachSite(
  input: Input,
  reason: string,
  work: (context: BackupContext, site: string) => Promise<BackupRun[]>,
): Promise<ExitCode> {
  return backupCommand(input, reason, async (context, sites) => {
    const done: SiteRuns[] = [];
    for (const site of sites) done.push(await runSite(context, site, work));
    printRuns(input, reason, done);
    const good = done.every(({ runs, fault }) => fault === undefined && runs.every(({ ok }) => ok));
    return good ? EXIT.done : EXIT.failed;
  });
}

/**
 * Does it with one site. One that is locked, or fails otherwise, keeps no other one from its turn.
 *
 * @throws whatever would meet every other site as well
 */
export async function runSite(
  context: BackupContext,
  site: string,
  work: (context: BackupContext, site: string) => Promise<BackupRun[]>,
): Promise<SiteRuns> {
  try {
    return { site, runs: await work(context, site) };
  } catch (fault) {
    if (context.signal.aborted || meetsAll(fault)) throw fault;
    context.report(`${site}: FAILED: ${messageOf(fault)}`);
    return { site, runs: [], fault };
  }
}

const MEET_ALL = new Set(["TERRACE_NO_BACKUPS", "TERRACE_NO_BACKUP_KEY", "TERRACE_POOL_NO_QUORUM"]);

/** Docker that does not answer, a platform without backups or their key, and options that no site takes. */
function meetsAll(fault: unknown): boolean {
  if (!(fault instanceof TerraceError)) return isBroken(fault);
  return isBroken(fault) || MEET_ALL.has(fault.code) || fault.exitCode === EXIT.usage;
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

function printRuns(input: Input, reason: string, done: SiteRuns[]): void {
  if (flag(input, "json")) {
    printJson(done.map(({ fault, ...rest }) => (fault === undefined ? rest : { ...rest, fault: faultJson(fault) })));
  } else {
    for (const { site, runs, fault } of done) {
      for (const run of runs) print(runLine(site, run));
      if (fault !== undefined) print(`${paint.red("✗")} ${site}: ${reason} failed: ${messageOf(fault)}`);
    }
  }
  const faults = done.filter(({ fault }) => fault !== undefined);
  printFaults(faults.map(({ site, fault }) => ({ site, fault: fault instanceof TerraceError ? fault : undefined })));
  for (const { fault } of faults) if (!(fault instanceof TerraceError)) printError(fault);
}

function faultJson(fault: unknown): object {
  return fault instanceof TerraceError ? errorJson(fault) : { message: messageOf(fault) };
}

function runLine(site: string, run: BackupRun): string {
  if (!run.ok) return `${paint.red("✗")} ${site}: ${run.action} failed (${run.reason}): ${run.says}`;
  if (run.action !== "backup") return `${paint.green("✓")} ${site}: ${run.action}`;
  const rows = Object.values(run.tables ?? {}).reduce((sum, count) => sum + count, 0);
  const database = run.tables === undefined ? "" : `, ${Object.keys(run.tables).length} tables with ${rows} rows`;
  const size = `${formatSize(run.bytes ?? 0)} in ${run.files} files${database}, ${formatSize(run.added ?? 0)} new`;
  return `${paint.green("✓")} ${site}: backup ${run.backup}, ${size}`;
}
