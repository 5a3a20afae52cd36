import { LABEL } from "../core/labels.ts";
import { objectName, siteStack } from "../names/index.ts";
import { DATABASE_PART, type DatabasePart } from "./index.ts";

/**
 * What a site logs in to its database with. A new password comes with a new user, who may do the same: so both passwords hold
 * while the site's containers are replaced one after another, and no request fails. The users take turns, `letters` and `letters_b`.
 */
export interface Login {
  /** 0 is the one that the database was made with; each rotation adds one. */
  number: number;
  /** The Swarm secret with the password. */
  secret: string;
  user: string;
}

/** A live secret, as far as it tells of a login. */
export interface SecretRecord {
  name: string;
  labels: Record<string, string>;
}

/** The login of a number. */
export function loginOf(platform: string, site: string, owner: string, number: number): Login {
  const part = number === 0 ? DATABASE_PART.password : `${DATABASE_PART.password}-${number}`;
  const secret = objectName(platform, siteStack(site), part);
  return { number, secret, user: number % 2 === 0 ? owner : `${owner}_b` };
}

/** The login that a site's database accepts, by the secrets of its stack; `undefined` where it has none yet. */
export function currentLogin(secrets: readonly SecretRecord[]): Login | undefined {
  const numbered = secrets.flatMap(({ name, labels }) => {
    const text = labels[LABEL.databaseLogin] ?? "";
    const user = labels[LABEL.databaseUser];
    return /^[0-9]+$/.test(text) && user !== undefined ? [{ number: Number(text), secret: name, user }] : [];
  });
  return numbered.toSorted((a, b) => b.number - a.number)[0];
}

/** The labels of a login's secret. They are what remains to tell what the volume holds. */
export function loginLabels(
  site: string,
  { engine, database }: Pick<DatabasePart, "engine" | "database">,
  { number, user }: Pick<Login, "number" | "user">,
): Record<string, string> {
  return {
    [LABEL.site]: site,
    [LABEL.keep]: "data",
    [LABEL.database]: engine,
    [LABEL.databaseName]: database,
    [LABEL.databaseUser]: user,
    [LABEL.databaseLogin]: String(number),
  };
}
