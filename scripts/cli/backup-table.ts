import { formatMinute } from "../../modules/core/time.ts";
import { formatSize } from "../../modules/units/index.ts";
import type { BackupOverview } from "../../stacks/backup/overview.ts";
import { paint } from "./output.ts";
import { table } from "./table.ts";

/** All sites with their backups, one row each; times are UTC. */
export function backupTable({ sites }: BackupOverview): string {
  const rows = sites.map(({ site, last, proven, next, ok, faults }) => [
    site,
    last === undefined ? "never" : minute(last.at),
    last === undefined ? "-" : formatSize(last.bytes),
    last === undefined ? "-" : String(last.files),
    proven === undefined ? "never" : minute(proven),
    minute(next.backup),
    minute(next.prove),
    ok ? "ok" : paint.red(faults.length === 1 ? "1 fault" : `${faults.length} faults`),
  ]);
  return table(["SITE", "LAST BACKUP", "SIZE", "FILES", "PROVEN", "NEXT", "NEXT PROOF", "STATE"], rows);
}

function minute(iso: string | undefined): string {
  return iso === undefined ? "-" : formatMinute(iso);
}
