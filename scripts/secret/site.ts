import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import type { DatabasePart } from "../../modules/database/index.ts";
import type { Site } from "../../modules/site/index.ts";
import { CREDENTIALS_KEY } from "../../stacks/backup/cluster.ts";
import type { Input } from "../cli/command.ts";
import { type OpenWorkspace, openWorkspace } from "../cli/workspace.ts";

/** The secrets that a site's file names, and its database. */
export function secretsOf({ serve }: Site): { names: string[]; database: DatabasePart | undefined } {
  if (serve.kind !== "image") return { names: [], database: undefined };
  return { names: serve.secrets, database: serve.database };
}

/**
 * The workspace, where a site's file names this secret.
 *
 * @throws TerraceError `TERRACE_NO_SECRET`, `TERRACE_SECRET_SOURCE` for a database's password that is to be set
 */
export async function secretOf(
  input: Input,
  site: string,
  name: string,
  what: "set" | "rotate",
): Promise<OpenWorkspace & { database: DatabasePart | undefined }> {
  // What the backups' places ask for is kept like a site's secrets.
  const ofBackups = what === "set" && site === "backup";
  const workspace = await openWorkspace(input, ofBackups ? "platform" : [site]);
  if (ofBackups && workspace.platform.backup.credentials.includes(name)) return { ...workspace, database: undefined };
  const found = workspace.sites.find((each) => each.name === site);
  const { names, database } = found === undefined ? { names: [], database: undefined } : secretsOf(found);
  if (database?.secret === name) {
    if (what === "rotate") return { ...workspace, database };
    throw new TerraceError("TERRACE_SECRET_SOURCE", `${name} of ${site} is the password of its database`, {
      why: "it is made by Terrace and kept in the cluster alone",
      next: `terrace secret rotate ${site} ${name}`,
      exitCode: EXIT.usage,
    });
  }
  if (names.includes(name)) return { ...workspace, database: undefined };
  if (ofBackups && found === undefined) throw noCredential(name, workspace.platform.backup.credentials);
  const known = [...names, ...(database === undefined ? [] : [database.secret])];
  throw new TerraceError("TERRACE_NO_SECRET", `${site} has no secret ${name}`, {
    where: `site-configs/${site}.yaml`,
    why: known.length === 0 ? "it names none" : `it names ${known.join(", ")}`,
    next: "add it to serve.image.secrets first",
    exitCode: EXIT.usage,
  });
}

function noCredential(name: string, known: string[]): TerraceError {
  return new TerraceError("TERRACE_NO_SECRET", `no place of backups asks for a secret ${name}`, {
    where: CREDENTIALS_KEY,
    why: known.length === 0 ? "it names none" : `it names ${known.join(", ")}`,
    next: "add it to backup.credentials in platform.yaml first",
    exitCode: EXIT.usage,
  });
}
