import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { DATABASE_PART, type DatabasePart } from "../../modules/database/index.ts";
import { currentLogin, type Login } from "../../modules/database/login.ts";
import type { LiveIndex } from "../../modules/engine/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";

/**
 * What a site logs in to its database with, as its secrets in the cluster tell; `undefined` where there are none yet.
 *
 * @throws TerraceError `TERRACE_DATABASE_CHANGED` where there is data of another engine, or under another name
 */
export function databaseLogin(
  live: LiveIndex,
  platform: string,
  site: string,
  { engine, database }: DatabasePart,
): Login | undefined {
  const secrets = live.ofStack(siteStack(site)).filter(({ kind }) => kind === "secret");
  const records = secrets.map(({ name, spec }) => ({ name, labels: (spec.Labels ?? {}) as Record<string, string> }));
  const login = currentLogin(records);
  if (login === undefined) return undefined;
  const labels = records.find(({ name }) => name === login.secret)?.labels ?? {};
  const [was, wasNamed] = [labels[LABEL.database], labels[LABEL.databaseName]];
  if (was === engine && wasNamed === database) return login;
  const what = was === engine ? "another name" : "another engine";
  throw new TerraceError("TERRACE_DATABASE_CHANGED", `${site}: its file now asks for a database of ${what}`, {
    where: `site-configs/${site}.yaml`,
    why: `the data in the volume ${objectName(platform, siteStack(site), DATABASE_PART.volume)} is of ${was}, in the database ${wasNamed}; the file says ${engine}, ${database}`,
    next: "take the change back; or move the data over as docs/guides/databases.md says",
  });
}
