import type { Rule } from "../config/types.ts";

/** Said once a run, at the first place: a schedule that nothing acts on must not look like protection. */
export const backupNotRun: Rule = {
  name: "backup-not-run",
  *check({ platform, sites }) {
    const inPlatform = platform?.backup.schedule !== undefined;
    const site = sites.find(({ backup }) => backup.schedule !== undefined)?.name;
    if (!inPlatform && site === undefined) return;
    const message = "the schedule is checked and kept, but nothing runs backups yet: NO BACKUP IS MADE";
    yield {
      site: inPlatform ? undefined : site,
      severity: "warning",
      path: ["backup", "schedule"],
      at: "key",
      message,
    };
  },
};
