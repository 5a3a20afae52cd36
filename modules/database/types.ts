/** The database engines that a site can have. */
export const ENGINES = ["postgres", "mariadb"] as const;
export type DatabaseEngine = (typeof ENGINES)[number];

/** The database of one site, with every default filled. Holds no password. */
export interface DatabasePart {
  engine: DatabaseEngine;
  /** Bytes: what the data is expected to need; shown and summed, not enforced by local volumes. */
  size: number;
  /** Bytes that its container may use at most; reserved on the node. The engine is tuned to it. */
  memory: number;
  /** The name of the database within its server. */
  database: string;
  /** The user that owns it. After a rotation the site logs in as another one: see `modules/database/login.ts`. */
  user: string;
  /** Which variable of the site carries what. */
  env: { host: string; port: string; name: string; user: string; passwordFile: string };
  /** The file in `/run/secrets` that the site finds the password in. */
  secret: string;
}
