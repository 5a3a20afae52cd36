import { type BackupEntry, hasData, recoveryOf } from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { formatMinute } from "../../modules/core/time.ts";
import { get } from "../../modules/docker/index.ts";
import { mapLimit } from "../limit.ts";
import { readBackups, readLiveSite, requireList } from "./cluster.ts";
import { restoreWithin } from "./restore.ts";
import { type BackupContext, withSite } from "./run.ts";

/** What became of one site of a cluster that was lost. */
export interface Recovered {
  site: string;
  state: "restored" | "kept" | "no-data" | "failed";
  /** The backup that was put back. */
  backup: string | undefined;
  /** One sentence for people. */
  says: string;
  fault: TerraceError | undefined;
}

export interface RecoverRequest {
  /** A time: of each site the last backup until then; the newest one where absent. */
  at: string | undefined;
  safety: boolean;
}

/**
 * Puts the data of all sites back that this cluster has none of its own of. What it has put back already, or has backed up itself since,
 * is let be: so it may be run again, and goes on where it stopped. A site that fails stops no other.
 */
export async function recoverSites(context: BackupContext, request: RecoverRequest): Promise<Recovered[]> {
  const list = requireList(await readBackups(context.docker, context.platform), context.platform);
  return mapLimit(list.parallel, list.sites, async (entry): Promise<Recovered> => {
    try {
      return await recoverSite(context, entry, request);
    } catch (error) {
      if (context.signal.aborted) throw error;
      const fault = error instanceof TerraceError ? error : unforeseen(entry.site, error);
      context.report(`${entry.site}: FAILED: ${fault.message}`);
      return { site: entry.site, state: "failed", backup: undefined, says: fault.message, fault };
    }
  });
}

async function recoverSite(context: BackupContext, entry: BackupEntry, request: RecoverRequest): Promise<Recovered> {
  const { site } = entry;
  const told = { site, backup: undefined, fault: undefined };
  if (!hasData(entry)) return { ...told, state: "no-data", says: "all of it comes from the checkout" };
  // Decided by who alone has the site: others may take long, and somebody else may have put this one back meanwhile.
  return withSite(context, site, async (session): Promise<Recovered> => {
    const recovery = recoveryOf(session.entry, session.history);
    if (recovery.kind === "restored") {
      return { ...told, state: "kept", says: `was put back before, from the backup ${recovery.run.backup}` };
    }
    if (recovery.kind !== "restore") return { ...told, state: "kept", says: "has lived on here, and been backed up" };
    await requirePlace(context, entry);
    const { from, safety } = await restoreWithin(session, {
      site,
      at: request.at,
      until: recovery.until,
      volume: undefined,
      path: undefined,
      database: false,
      safety: request.safety,
    });
    const before = safety === undefined ? "" : `; what was here before is in ${safety}`;
    const says = `as it was at ${formatMinute(from.time)} UTC${before}`;
    context.report(`${site}: restored, ${says}`);
    return { ...told, state: "restored", backup: from.backup, says };
  });
}

/** Whether no site could be read for want of the right key: then nothing but that is to be told. */
export function lacksKey(recovered: Recovered[]): boolean {
  const tried = recovered.filter(({ state }) => state === "restored" || state === "failed");
  return (
    tried.length > 0 &&
    tried.every(({ fault }) => fault?.code === "TERRACE_REPOSITORY" && fault.why === "wrong-password")
  );
}

/** Where a site's service is not there, nothing tells which of several nodes its volumes belong to. */
async function requirePlace({ docker, platform }: BackupContext, { site }: BackupEntry): Promise<void> {
  const { image, constraints, database } = await readLiveSite(docker, platform, site);
  if (image !== undefined || constraints.length > 0 || database !== undefined) return;
  const nodes = await get<object[]>(docker, "/nodes");
  if (nodes.length === 1) return;
  throw new TerraceError("TERRACE_RESTORE_FAILED", `${site} has no service that tells on which node its volumes are`, {
    next: `terrace up ${site}, then terrace restore ${site}`,
  });
}

function unforeseen(site: string, error: unknown): TerraceError {
  const why = error instanceof Error ? error.message : String(error);
  return new TerraceError("TERRACE_RESTORE_FAILED", `${site} could not be restored: ${why}`, {
    next: "mend what is named, then run this again: it goes on with the sites that failed",
    cause: error,
  });
}
