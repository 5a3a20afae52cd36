import type { BackupHistory, BackupRun } from "./history.ts";
import { lastBackup } from "./history.ts";
import type { BackupEntry } from "./list.ts";

/** What a cluster that was made anew has to do about the data of one site. */
export type Recovery =
  /** Nothing: its pages come with its image, or it is only fronted. */
  | { kind: "no-data" }
  /** Nothing more: this cluster has put all of it back already. */
  | { kind: "restored"; run: BackupRun }
  /** Nothing: it has lived on here, and been backed up since. */
  | { kind: "lives"; run: BackupRun }
  /** Put back the newest backup from before this cluster looked after it (ISO 8601). */
  | { kind: "restore"; until: string };

/** Whether a site has anything that is not made again from the files of the checkout. */
export function hasData({ volumes, database }: Pick<BackupEntry, "volumes" | "database">): boolean {
  return volumes.length > 0 || database !== undefined;
}

/** What is to be done, by what this cluster has done for the site so far. */
export function recoveryOf(entry: Pick<BackupEntry, "volumes" | "database">, history: BackupHistory): Recovery {
  if (!hasData(entry)) return { kind: "no-data" };
  const restored = history.runs.find(({ action, ok, partial }) => action === "restore" && ok && partial === undefined);
  if (restored !== undefined) return { kind: "restored", run: restored };
  const own = lastBackup(history);
  return own === undefined ? { kind: "restore", until: history.since } : { kind: "lives", run: own };
}

/**
 * Until when (ISO 8601) backups in a repository are another cluster's, that are neither put back nor given up. A backup beside them would
 * pass for a newer state of the same data, and be what the next restore takes. `undefined` where there is no such risk.
 */
export function foreignUntil(
  entry: Pick<BackupEntry, "volumes" | "database">,
  history: BackupHistory,
): string | undefined {
  const recovery = recoveryOf(entry, history);
  return recovery.kind === "restore" ? recovery.until : undefined;
}
