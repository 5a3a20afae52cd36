import type Dockerode from "dockerode";
import {
  BACKUP_STACK,
  type BackupEntry,
  type BackupHistory,
  type BackupList,
  type BackupRun,
  dueTimes,
  isAt,
  JOB_ACTION,
  lastRun,
  lateSince,
  SCHEDULED,
  targetText,
  uncopiedSince,
  YOUNG,
} from "../../modules/backup/index.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { formatMinute } from "../../modules/core/time.ts";
import { get, type RawService } from "../../modules/docker/index.ts";
import { objectName } from "../../modules/names/index.ts";
import { type BackupState, emptyHistory, readBackups, requireEntry, requireList } from "./cluster.ts";

/** The backups of one site, as people and machines are told. Times are ISO 8601. */
export interface SiteBackups {
  site: string;
  /** The last good backup. */
  last:
    | { backup: string; at: string; bytes: number; files: number; tables: Record<string, number> | undefined }
    | undefined;
  /** When a restore of it was last proven. */
  proven: string | undefined;
  /** The same from the second place. */
  provenCopy: string | undefined;
  copied: string | undefined;
  checked: string | undefined;
  next: Partial<Record<"backup" | "prove" | "check", string>>;
  ok: boolean;
  /** What is wrong, one sentence each. */
  faults: string[];
  /** What is right as yet, but worth a look; one sentence each. */
  notes: string[];
}

export interface BackupOverview {
  platform: string;
  repository: string;
  copy: string | undefined;
  ok: boolean;
  /** What is wrong beyond single sites. */
  faults: string[];
  sites: SiteBackups[];
}

/**
 * What is wrong and right with all backups. Writes nothing.
 *
 * @throws TerraceError `TERRACE_NO_BACKUPS`
 */
export async function overview(docker: Dockerode, platform: string, now: Date): Promise<BackupOverview> {
  const state = await readBackups(docker, platform);
  return overviewOf(docker, requireList(state, platform), state, now);
}

/** The same of what was read already. */
export async function overviewOf(
  docker: Dockerode,
  list: BackupList,
  state: BackupState,
  now: Date,
): Promise<BackupOverview> {
  const [faults, copying] = await Promise.all([agentFault(docker, list.platform), sitesCopying(docker, list.platform)]);
  const seen = describeBackups(list, state, now, copying);
  return { ...seen, faults, ok: seen.ok && faults.length === 0 };
}

/** The sites of which a copy is being made. */
async function sitesCopying(docker: Dockerode, platform: string): Promise<string[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`, `${JOB_ACTION}=copy`] };
  const jobs = (await get<RawService[] | null>(docker, "/services", { filters })) ?? [];
  return jobs.flatMap(({ Spec }) => Spec.Labels?.[LABEL.site] ?? []);
}

/**
 * What is remembered of a site's runs, newest first; reads with one call. A site that is backed up no more has a history, too.
 *
 * @throws TerraceError `TERRACE_NOT_BACKED_UP`
 */
export async function runsOf(docker: Dockerode, platform: string, site: string): Promise<BackupRun[]> {
  const state = await readBackups(docker, platform);
  const known = state.histories.get(site)?.history;
  if (known === undefined) requireEntry(requireList(state, platform), site);
  return known?.runs ?? [];
}

/** Nothing runs by schedule without the agent. */
async function agentFault(docker: Dockerode, platform: string): Promise<string[]> {
  const name = objectName(platform, BACKUP_STACK, "agent");
  const services = await get<RawService[] | null>(docker, "/services", { filters: { name: [name] }, status: true });
  const agent = services?.find(({ Spec }) => Spec.Name === name);
  if (agent === undefined) return ["agent: it is not there, so nothing runs by schedule: terrace up"];
  if ((agent.ServiceStatus?.RunningTasks ?? 1) > 0) return [];
  return ["agent: it does not run, so nothing runs by schedule: terrace logs agent"];
}

/**
 * What the list and the histories come to. Pure.
 *
 * @param copying sites of which a copy is being made
 */
export function describeBackups(
  list: BackupList,
  { histories, made = new Date(0) }: BackupState,
  now: Date,
  copying: string[],
): BackupOverview {
  const sites = list.sites.map((entry) => {
    const history = histories.get(entry.site)?.history ?? emptyHistory(entry.site, now);
    const uncopied = copying.includes(entry.site) ? undefined : uncopiedSince(list, history, made, now);
    return describeSite(list, entry, history, { now, uncopied });
  });
  return {
    platform: list.platform,
    repository: targetText(list.repository),
    copy: list.copy && targetText(list.copy),
    ok: sites.every(({ ok }) => ok),
    faults: [],
    sites,
  };
}

interface Seen {
  now: Date;
  /** When the oldest good backup ended that the second place should have by now, and does not. */
  uncopied: Date | undefined;
}

function describeSite(list: BackupList, entry: BackupEntry, history: BackupHistory, seen: Seen): SiteBackups {
  const good = lastRun(history, "backup", true);
  const atCopy = ofCopy(list, history);
  const faults = faultsOf(list, entry, history, seen);
  const next = SCHEDULED.flatMap((action) => {
    const due = dueTimes(entry, list, action, seen.now).next;
    return due === undefined ? [] : [[action, due.toISOString()]];
  });
  return {
    site: entry.site,
    last: good && {
      backup: good.backup ?? "",
      at: good.ended,
      bytes: good.bytes ?? 0,
      files: good.files ?? 0,
      tables: good.tables,
    },
    proven: lastRun(history, "prove", true)?.ended,
    provenCopy: lastRun(atCopy, "prove-copy", true)?.ended,
    copied: lastRun(atCopy, "copy", true)?.ended,
    checked: lastRun(history, "check", true)?.ended,
    next: Object.fromEntries(next),
    ok: faults.length === 0,
    faults,
    notes: good?.young === undefined ? [] : [withoutData(history)],
  };
}

function withoutData({ site, since }: BackupHistory): string {
  const end = new Date(Date.parse(since) + YOUNG).toISOString().slice(0, 10);
  return `it holds no data yet; from ${end} on that is a failure, unless \`terrace backup run ${site} --accept\` takes it as right`;
}

const ACTIONS = ["backup", "copy", "retention", "check", "prove", "prove-copy"] as const;

/** Where people say something else than the action's name. */
const WORDS: Partial<Record<BackupRun["action"], string>> = {
  prove: "proof by restore",
  "prove-copy": "proof by restore from the second place",
};

function faultsOf(list: BackupList, entry: BackupEntry, history: BackupHistory, { now, uncopied }: Seen): string[] {
  const failed = ACTIONS.flatMap((action) => {
    const run = lastRun(ofCopy(list, history), action);
    return run === undefined || run.ok ? [] : [failure(run)];
  });
  const late = (["backup", "prove"] as const).flatMap((action) => {
    const since = lateSince(entry, list, action, history, now);
    return since === undefined
      ? []
      : [`late: no good ${WORDS[action] ?? action} since the one due at ${minute(since.toISOString())}`];
  });
  if (uncopied !== undefined) {
    late.push(`late: the second place has no copy of the good backup of ${minute(uncopied.toISOString())}`);
  }
  return [...failed, ...late];
}

/** Without what was done at a second place that is no longer the platform's. */
function ofCopy({ copy }: BackupList, history: BackupHistory): BackupHistory {
  const here = (run: BackupRun) => copy !== undefined && isAt(run, targetText(copy));
  const runs = history.runs.filter((run) => !/^(copy|prove-copy)$/.test(run.action) || here(run));
  return { ...history, runs };
}

function failure({ action, reason, says, ended }: BackupRun): string {
  return `the last ${WORDS[action] ?? action} failed (${reason}, ${minute(ended)}): ${says}`;
}

function minute(iso: string): string {
  return `${formatMinute(iso)} UTC`;
}
