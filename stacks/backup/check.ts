import { type BackupRun, hasRepository, repositoryJob, targetText, type Verdict } from "../../modules/backup/index.ts";
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

/** The same site's repository at the second place; `undefined` where the platform has none. */
export function secondPlace<S extends RepositorySession>(session: S): S | undefined {
  const { list, credentials } = session;
  if (list.copy === undefined) return undefined;
  return { ...session, list: { ...list, repository: list.copy }, credentials: copyCredentials(credentials) };
}

/** What the second place asks for, under the names of a first one; S3 keys and an authority's certificate may be one for both. */
function copyCredentials<T extends { file: string }>(credentials: T[]): T[] {
  const second = credentials
    .filter(({ file }) => file.startsWith("COPY_"))
    .map((each) => ({ ...each, file: each.file.slice("COPY_".length) }));
  const shared = credentials.filter(({ file }) => /^(AWS_|CA_CERT$)/.test(file));
  return [...shared.filter(({ file }) => !second.some((each) => each.file === file)), ...second];
}

/** Whoever reads that one place is damaged wants to know of the other one. */
function both(first: Verdict | undefined, second: Verdict | undefined): Verdict | undefined {
  if (first === undefined) return second && { ...second, says: `the second place: ${second.says}` };
  return { ...first, says: `${first.says}; the second place ${second ? `as well: ${second.says}` : "is sound"}` };
}
