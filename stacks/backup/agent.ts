import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import {
  type BackupEntry,
  type BackupHistory,
  type BackupList,
  FOLLOWING,
  type FollowingAction,
  isDue,
  isFollowingDue,
  JOB_ACTION,
  lastRun,
  repositoryJob,
  SCHEDULED,
  type ScheduledAction,
} from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { get, type RawService } from "../../modules/docker/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { checkSite } from "./check.ts";
import { type BackupState, emptyHistory, readBackups, writeHistory } from "./cluster.ts";
import { secondPlace } from "./places.ts";
import { proveSite } from "./prove.ts";
import { endKilledRestore } from "./restore.ts";
import { type BackupContext, backupSite, followBackup, job, withRepository } from "./run.ts";
import { stoppedSites } from "./stopped.ts";

/** How often the agent looks for what is due, in ms. */
const LOOK = 20_000;

interface Work {
  entry: BackupEntry;
  action: ScheduledAction | FollowingAction;
}

/**
 * Runs what is due, for ever: one thing at a time for each site, and so many at a time on a node as the platform allows. It keeps
 * nothing: what was run is in the cluster, so another agent goes on where this one stopped.
 */
export async function runAgent(context: Omit<BackupContext, "reason" | "noWait" | "limit">): Promise<void> {
  const running = new Map<string, { node: string; done: Promise<void> }>();
  context.report(`the agent of ${context.platform} looks for what is due`);
  while (!context.signal.aborted) {
    await look(context, running).catch((error: Error) => context.report(`cannot look: ${error.message}`));
    await sleep(LOOK, undefined, { signal: context.signal }).catch(() => undefined);
  }
  await Promise.allSettled([...running.values()].map(({ done }) => done));
}

type Running = Map<string, { node: string; done: Promise<void> }>;

async function look(context: Omit<BackupContext, "reason" | "noWait" | "limit">, running: Running): Promise<void> {
  const { docker, platform } = context;
  const state = await readBackups(docker, platform);
  if (state.list === undefined) return;
  const list = state.list;
  await welcome(docker, list, state);
  const noted = [...state.histories.values()].filter(
    ({ history: { proving, restoring } }) => (proving ?? restoring) !== undefined,
  );
  const begun = [
    ...(await sitesWithJobs(docker, platform)),
    ...(await stoppedSites(docker, platform)),
    ...noted.map(({ history }) => history.site),
  ];
  const nodes = await nodesOf(docker, platform);
  for (const { entry, action } of dueWork(list, state, new Date())) {
    const node = nodes.get(entry.site) ?? "";
    const busy = [...running.values()].filter((each) => each.node === node).length;
    if (running.has(entry.site) || busy >= list.parallel) continue;
    const reason = `backup agent: ${action} ${entry.site}`;
    start(running, entry.site, node, perform({ ...context, reason, ...PATIENCE }, entry.site, action));
  }
  // Whatever is run for a site clears it first. What somebody watches is let be: its site is locked.
  for (const site of new Set(begun)) {
    const reason = `backup agent: clear ${site}`;
    if (!running.has(site)) start(running, site, "", clear({ ...context, reason, ...PATIENCE }, site));
  }
}

/** Longer than a lock outlives its holder: a lock that a killed run left is taken over, any other one is let be. */
const PATIENCE = { noWait: false, limit: 60_000 };

function start(running: Running, site: string, node: string, work: Promise<void>): void {
  running.set(site, { node, done: work.finally(() => running.delete(site)) });
}

async function sitesWithJobs(docker: Dockerode, platform: string): Promise<string[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`, JOB_ACTION] };
  const services = (await get<RawService[] | null>(docker, "/services", { filters })) ?? [];
  return services.flatMap(({ Spec }) => Spec.Labels?.[LABEL.site] ?? []);
}

/**
 * Removes what a killed run left of a site: its job, its proof, what it had fetched, and the locks that it had in its repositories. A site
 * that it had stopped starts again.
 */
function clear(context: BackupContext, site: string): Promise<void> {
  return quietly(context, `${site}: clearing up`, () =>
    withRepository(
      context,
      site,
      () => ({ site }),
      async (session) => {
        await endKilledRestore(session);
        if (!session.cleared) return;
        for (const place of [session, secondPlace(session)]) {
          if (place !== undefined) await job(place, repositoryJob("list", place), place.list.repository);
        }
      },
    ),
  );
}

/** What is due now: backups first, then what rests on them. Pure. */
export function dueWork(list: BackupList, { histories }: BackupState, now: Date): Work[] {
  type Test = (entry: BackupEntry, history: BackupHistory) => boolean;
  const of = (action: Work["action"], due: Test): Work[] =>
    list.sites.flatMap((entry) => {
      const history = histories.get(entry.site)?.history;
      return history !== undefined && isFilled(history) && due(entry, history) ? [{ entry, action }] : [];
    });
  const [backups, ...others] = SCHEDULED.map((action) =>
    of(action, (entry, history) => isDue(entry, list, action, history, now)),
  );
  const following = FOLLOWING.map((action) => of(action, (_, history) => isFollowingDue(list, action, history, now)));
  return [backups ?? [], ...following, ...others].flat();
}

/** A copy that waits for its data holds nothing yet that is worth a backup. */
function isFilled(history: BackupHistory): boolean {
  return history.copyOf === undefined || lastRun(history, "restore", true) !== undefined;
}

/** From its first sight on a site is looked after: what comes due from now on is missed where it does not happen. */
async function welcome(docker: Dockerode, list: BackupList, { histories }: BackupState): Promise<void> {
  for (const { site } of list.sites) {
    if (!histories.has(site)) await writeHistory(docker, list.platform, emptyHistory(site, new Date()), true);
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

async function perform(context: BackupContext, site: string, action: Work["action"]): Promise<void> {
  await quietly(context, `${site}: ${action}`, async () => {
    const runs = await {
      backup: () => backupSite(context, site),
      copy: () => followBackup(context, site, "copy"),
      retention: () => followBackup(context, site, "retention"),
      check: async () => [await checkSite(context, site)],
      prove: async () => [await proveSite(context, site)],
    }[action]();
    for (const { ok, action: done, reason, says } of runs) {
      context.report(`${site}: ${done} ${ok ? "done" : `FAILED (${reason}): ${says}`}`);
    }
  });
}

/** What fails is told and tried again by schedule; somebody else's work on the same is no failure. */
async function quietly({ report }: BackupContext, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof TerraceError && error.code === "TERRACE_LOCKED") return;
    report(`${what} could not be run: ${error instanceof Error ? error.message : String(error)}`);
  }
}
