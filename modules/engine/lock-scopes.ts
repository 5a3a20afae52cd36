/** What a lock is on: the name of a stack, `backup-SITE`, or one of these. */
export const ALL = "all";
/** The routes of the edge. */
export const EDGE = "edge";

/** The backups of all sites. No site has such a name, nor that of the next. */
export const BACKUPS = "backup--all";
/** The key of all backups. Whoever has it goes on to one site's backups after another, so it comes before {@link BACKUPS}. */
export const BACKUP_KEY = "backup--keys";

/**
 * Two locks conflict on the same stack, and the one on everything with each. The edge is locked for moments only, within either; and
 * work on a backup keeps no deploy waiting, nor the other way round.
 */
export function conflicts(wanted: string, other: string): boolean {
  if (wanted === other) return true;
  if (wanted === BACKUP_KEY || other === BACKUP_KEY) return false;
  if (isBackup(wanted) && isBackup(other)) return wanted === BACKUPS || other === BACKUPS;
  if (wanted === EDGE || other === EDGE || isBackup(wanted) || isBackup(other)) return false;
  return wanted === ALL || other === ALL;
}

function isBackup(scope: string): boolean {
  return scope.startsWith("backup-");
}
