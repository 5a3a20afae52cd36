import { formatMinute } from "../../modules/core/time.ts";
import { formatSize } from "../../modules/units/index.ts";
import type { BackupOverview, SiteBackups } from "../../stacks/backup/overview.ts";
import { paint } from "./output.ts";
import { table } from "./table.ts";

/** All sites with their backups, one row each; times are UTC. The second place is told of where there is one. */
export function backupTable({ copy, sites }: BackupOverview): string {
  const shown = COLUMNS.filter(({ when }) => when?.(copy, sites) ?? true);
  return table(
    shown.map(({ head }) => head),
    sites.map((site) => shown.map(({ cell }) => cell(site))),
  );
}

interface Column {
  head: string;
  cell(site: SiteBackups): string;
  /** Whether it is shown; absent: always. */
  when?(copy: string | undefined, sites: SiteBackups[]): boolean;
}

const COLUMNS: Column[] = [
  { head: "SITE", cell: ({ site }) => site },
  { head: "LAST BACKUP", cell: ({ last }) => minute(last?.at, "never") },
  { head: "SIZE", cell: ({ last }) => (last === undefined ? "-" : formatSize(last.bytes)) },
  { head: "FILES", cell: ({ last }) => (last === undefined ? "-" : String(last.files)) },
  { head: "COPIED", cell: ({ copied }) => minute(copied, "never"), when: (copy) => copy !== undefined },
  { head: "PROVEN", cell: ({ proven }) => minute(proven, "never") },
  {
    head: "COPY PROVEN",
    cell: ({ provenCopy }) => minute(provenCopy, "never"),
    // By schedule only the first place is proven: most platforms have nothing to tell here.
    when: (copy, sites) => copy !== undefined && sites.some(({ provenCopy }) => provenCopy !== undefined),
  },
  { head: "NEXT", cell: ({ next }) => minute(next.backup) },
  { head: "NEXT PROOF", cell: ({ next }) => minute(next.prove) },
  { head: "STATE", cell: ({ ok, faults }) => (ok ? "ok" : paint.red(counted(faults.length))) },
];

function counted(faults: number): string {
  return faults === 1 ? "1 fault" : `${faults} faults`;
}

function minute(iso: string | undefined, without = "-"): string {
  return iso === undefined ? without : formatMinute(iso);
}
