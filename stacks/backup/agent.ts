import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import {
  type BackupEntry,
  type BackupList,
  isDue,
  SCHEDULED,
  type ScheduledAction,
} from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { get, type RawService } from "../../modules/docker/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { type BackupState, emptyHistory, readBackups, writeHistory } from "./cluster.ts";
import { proveSite } from "./prove.ts";
import { type BackupContext, backupSite, checkSite } from "./run.ts";

/** How often the agent looks for what is due, in ms. */
const LOOK = 20_000;

interface Work {
  entry: BackupEntry;
  action: ScheduledAction;
}

/**
 * Runs what is due, for ever: one thing at a time for each site, and so many at a time on a node as the platform allows. It keeps
 * nothing: what was run is in the cluster, so another agent goes on where this one stopped.
 */
export async function runAgent(context: Omit<BackupContext, "reason" | "noWait">): Promise<void> {
  const running = new Map<string, { node: string; done: Promise<void> }>();
  context.report(`the agent of ${context.platform} looks for what is due`);
  while (!context.signal.aborted) {
    await look(context, running).catch((error: Error) => context.report(`cannot look: ${error.message}`));
    await sleep(LOOK, undefined, { signal: context.signal }).catch(() => undefined);
  }
  await Promise.allSettled([...running.values()].map(({ done }) => done));
}

type Running = Map<string, { node: string; done: Promise<void> }>;

async function look(context: Omit<BackupContext, "reason" | "noWait">, running: Running): Promise<void> {
  const { docker, platform } = context;
  const state = await readBackups(docker, platform);
  if (state.list === undefined) return;
  const list = state.list;
  await welcome(docker, list, state);
  const nodes = await nodesOf(docker, platform);
  for (const { entry, action } of dueWork(list, state, new Date())) {
    const node = nodes.get(entry.site) ?? "";
    const busy = [...running.values()].filter((each) => each.node === node).length;
    if (running.has(entry.site) || busy >= list.parallel) continue;
    const done = perform(
      { ...context, reason: `backup agent: ${action} ${entry.site}`, noWait: true },
      entry.site,
      action,
    );
    running.set(entry.site, { node, done: done.finally(() => running.delete(entry.site)) });
  }
}

/** What is due now: backups first, then what rests on them. Pure. */
export function dueWork(list: BackupList, { histories }: BackupState, now: Date): Work[] {
  return SCHEDULED.flatMap((action) =>
    list.sites.flatMap((entry) => {
      const history = histories.get(entry.site)?.history;
      return history !== undefined && isDue(entry, list, action, history, now) ? [{ entry, action }] : [];
    }),
  );
}

/** From its first sight on a site is looked after: what comes due from now on is missed where it does not happen. */
async function welcome(docker: Dockerode, list: BackupList, { histories }: BackupState): Promise<void> {
  for (const { site } of list.sites) {
    if (!histories.has(site)) await writeHistory(docker, list.platform, emptyHistory(site, new Date()));
  }
}

/** Where each site's data is, as far as its placement tells: sites of one placement share what the node can bear. */
async function nodesOf(docker: Dockerode, platform: string): Promise<Map<string, string>> {
  type Placed = RawService & { Spec: { TaskTemplate?: { Placement?: { Constraints?: string[] } } } };
  const filters = { label: [`${LABEL.platform}=${platform}`, LABEL.site] };
  const services = (await get<Placed[] | null>(docker, "/services", { filters })) ?? [];
  return new Map(
    services.flatMap(({ Spec }): [string, string][] => {
      const site = Spec.Labels?.[LABEL.site];
      if (site === undefined || Spec.Name !== objectName(platform, siteStack(site), "web")) return [];
      return [[site, (Spec.TaskTemplate?.Placement?.Constraints ?? []).toSorted().join(" ")]];
    }),
  );
}

async function perform(context: BackupContext, site: string, action: ScheduledAction): Promise<void> {
  try {
    const runs = await {
      backup: () => backupSite(context, site),
      check: async () => [await checkSite(context, site)],
      prove: async () => [await proveSite(context, site)],
    }[action]();
    for (const { ok, action: done, reason, says } of runs) {
      context.report(`${site}: ${done} ${ok ? "done" : `FAILED (${reason}): ${says}`}`);
    }
  } catch (error) {
    if (error instanceof TerraceError && error.code === "TERRACE_LOCKED") return;
    context.report(`${site}: ${action} could not be run: ${error instanceof Error ? error.message : String(error)}`);
  }
}
