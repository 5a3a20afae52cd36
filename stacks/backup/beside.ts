import { hasData, lastRun, type StoredBackup } from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { get } from "../../modules/docker/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import {
  emptyHistory,
  readBackups,
  readLiveSite,
  requireEntry,
  requireList,
  serviceNamed,
  writeHistory,
} from "./cluster.ts";
import { readingPlace } from "./places.ts";
import { choose, type Destination, requireDump, restore, restoreFault, type What } from "./restore.ts";
import { type BackupContext, recorded, type Session, withSite } from "./run.ts";

export interface BesideRequest {
  site: string;
  /** The copy's name. */
  name: string;
  at: string | undefined;
  /** It is read at the second place. */
  fromCopy: boolean;
}

/**
 * Finds the backup and makes sure that nothing of the copy's name is here yet, unless an earlier run of the same made it. The name is
 * the copy's from then on.
 *
 * @throws TerraceError `TERRACE_SITE_EXISTS`, `TERRACE_NO_DATA`, `TERRACE_NO_BACKUP`
 */
export function prepareBeside(context: BackupContext, request: BesideRequest): Promise<StoredBackup> {
  const { site, name } = request;
  return withSite(context, site, async (session) => {
    if (!hasData(session.entry)) {
      throw new TerraceError("TERRACE_NO_DATA", `${site} has no volume and no database to restore beside it`, {
        why: "all of it comes from its file and its pages in the checkout",
        exitCode: 2,
      });
    }
    const from = await choose(readingPlace(session, request.fromCopy), request);
    requireDump(session.entry, from, request.fromCopy);
    await takeName(context, site, name);
    return from;
  });
}

/** Puts a backup of one site into another one that was made for it. The first is neither stopped nor changed. */
export function restoreBeside(
  context: BackupContext,
  { site, name, fromCopy }: BesideRequest,
  from: StoredBackup,
): Promise<void> {
  return withSite(context, site, async (session) => {
    const { into, what } = await destinationOf(session, name, from);
    const history = (await readBackups(context.docker, context.platform)).histories.get(name)?.history;
    const copy = {
      ...session,
      entry: { ...session.entry, site: name },
      history: history ?? emptyHistory(name, new Date()),
    };
    const run = await recorded(copy, "restore", async () => {
      const { fault } = await restore(readingPlace(session, fromCopy), from, what, into);
      return { backup: from.backup, fault };
    });
    if (!run.ok) throw restoreFault(name, run, undefined);
  });
}

async function destinationOf(
  { context, entry }: Session,
  name: string,
  from: StoredBackup,
): Promise<{ into: Destination; what: What }> {
  const { docker, platform } = context;
  const { database, constraints } = await readLiveSite(docker, platform, name);
  const wrong = (why: string) =>
    new TerraceError("TERRACE_RESTORE_FAILED", `${name} cannot take the data of ${entry.site}`, {
      where: `site-configs/${name}.yaml`,
      why,
      next: `give it the volumes and the database that ${entry.site} has`,
    });
  if (from.database !== undefined && database?.engine !== entry.database) {
    throw wrong(`its database is ${database?.engine ?? "none"}, that of ${entry.site} is ${entry.database ?? "none"}`);
  }
  const mounted = await volumesOf(context, name);
  const missing = entry.volumes.find(
    (volume) => mounted !== undefined && !mounted.has(volumeName(platform, name, volume)),
  );
  if (missing !== undefined) throw wrong(`it has no volume ${missing}`);
  const place = constraints.length > 0 ? constraints : (database?.constraints ?? []);
  const what = { volumes: entry.volumes, path: "", database: from.database !== undefined };
  return { into: { site: name, constraints: place, database }, what };
}

function volumeName(platform: string, site: string, volume: string): string {
  return objectName(platform, siteStack(site), volume);
}

/** What a site's service mounts; `undefined` where it has none because it does not start without its data. */
async function volumesOf({ docker, platform }: BackupContext, site: string): Promise<Set<string> | undefined> {
  const service = await serviceNamed(docker, objectName(platform, siteStack(site), "web"));
  const container = service?.Spec.TaskTemplate?.ContainerSpec as { Mounts?: { Source?: string }[] } | undefined;
  return service === undefined ? undefined : new Set(container?.Mounts?.flatMap(({ Source }) => Source ?? []));
}

async function takeName({ docker, platform }: BackupContext, site: string, name: string): Promise<void> {
  const state = await readBackups(docker, platform);
  const known = state.histories.get(name)?.history;
  // Once its data is there it is a site like any other, with data that may be in use.
  if (known?.copyOf === site && lastRun(known, "restore", true) === undefined) return;
  const list = requireList(state, platform);
  requireEntry(list, site);
  const filters = { label: [`${LABEL.platform}=${platform}`, `${LABEL.site}=${name}`] };
  const [services, secrets, { Volumes }] = await Promise.all([
    get<object[] | null>(docker, "/services", { filters }),
    get<object[] | null>(docker, "/secrets", { filters }),
    get<{ Volumes: object[] | null }>(docker, "/volumes", { filters }),
  ]);
  const there = [...(services ?? []), ...(secrets ?? []), ...(Volumes ?? [])].length;
  if (known !== undefined || there > 0 || list.sites.some((entry) => entry.site === name)) {
    throw new TerraceError("TERRACE_SITE_EXISTS", `there is a site ${name} on this cluster, or data of one`, {
      why: "a copy would take the place of what it has",
      next: "choose another name for the copy",
      exitCode: 2,
    });
  }
  await writeHistory(docker, platform, { ...emptyHistory(name, new Date()), copyOf: site });
}
