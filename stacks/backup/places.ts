import { TerraceError } from "../../modules/core/errors.ts";
import type { RepositorySession } from "./run.ts";

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

/**
 * Where backups are read: at the first place, or at the second one.
 *
 * @throws TerraceError `TERRACE_NO_BACKUP` where there is no second one
 */
export function readingPlace<S extends RepositorySession>(session: S, fromCopy: boolean): S {
  const place = fromCopy ? secondPlace(session) : session;
  if (place !== undefined) return place;
  throw new TerraceError("TERRACE_NO_BACKUP", "there is no second place of backups to read from", {
    where: "platform.yaml, backup.copy",
    next: "leave --from-copy out; or name a second place, `terrace up`, and back up once",
    exitCode: 2,
  });
}
