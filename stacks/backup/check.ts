import { type BackupRun, hasRepository, repositoryJob, targetText, type Verdict } from "../../modules/backup/index.ts";
import { secondPlace } from "./places.ts";
import { type BackupContext, job, type RepositorySession, recorded, type Session, withSite } from "./run.ts";

/** Reads every byte of a site's repository, and of what was copied to the second place. */
export function checkSite(context: BackupContext, site: string): Promise<BackupRun> {
  return withSite(context, site, (session) =>
    recorded(session, "check", async () => {
      const first = await check(session);
      const copies = copied(session) ? secondPlace(session) : undefined;
      return { fault: copies === undefined ? first : both(first, await check(copies)) };
    }),
  );
}

async function check(session: RepositorySession): Promise<Verdict | undefined> {
  return (await job(session, repositoryJob("check", session), session.list.repository)).fault;
}

/** Whether there must be something at the second place: a place that is new holds nothing as yet. */
function copied({ list, history }: Session): boolean {
  return list.copy !== undefined && hasRepository(history, targetText(list.copy), "copy");
}

/** Whoever reads that one place is damaged wants to know of the other one. */
function both(first: Verdict | undefined, second: Verdict | undefined): Verdict | undefined {
  if (first === undefined) return second && { ...second, says: `the second place: ${second.says}` };
  return { ...first, says: `${first.says}; the second place ${second ? `as well: ${second.says}` : "is sound"}` };
}
