import { z } from "zod";
import { sizeOf, sizeSchema } from "../units/index.ts";
import { type DatabaseEngine, type DatabasePart, ENGINES } from "./types.ts";

export { type DatabaseEngine, type DatabasePart, ENGINES } from "./types.ts";

/** Under this name the site finds its database, on the network that only the two are on. */
export const DATABASE_HOST = "db";

/** What the names of a database's Docker objects end in: `honghe-site-finance_db`. */
export const DATABASE_PART = {
  service: "db",
  network: "internal",
  volume: "db",
  /** The password that the site logs in with; made once. */
  password: "db-password",
  /** The password of the server's administrator, which the site never gets; made once. */
  admin: "db-admin",
} as const;

/** What Terrace must know of an engine to run it. Its image is the folder of `modules/images` of the engine's name. */
export interface EngineFacts {
  port: number;
  /** Where the volume is mounted in its container. */
  folder: string;
  /** Its sockets are here; a tmpfs. */
  sockets: string;
  /** A check by the engine's own tool over TCP, which is not open yet while the volume is made ready. */
  health: string[];
}

export const FACTS: Record<DatabaseEngine, EngineFacts> = {
  postgres: {
    port: 5432,
    folder: "/var/lib/postgresql",
    sockets: "/run/postgresql",
    health: ["pg_isready", "--quiet", "--host=127.0.0.1"],
  },
  mariadb: {
    port: 3306,
    folder: "/var/lib/mysql",
    sockets: "/run/mysqld",
    health: ["mariadb-admin", "--user=health", "--host=127.0.0.1", "--connect-timeout=3", "ping"],
  },
};

const DEFAULTS = {
  memory: "256MiB",
  env: { host: "DB_HOST", port: "DB_PORT", name: "DB_NAME", user: "DB_USER", passwordFile: "DB_PASSWORD_FILE" },
  secret: "DB_PASSWORD",
} as const;

const NAME = /^[a-z][a-z0-9_]{0,47}$/;
const NAME_ERROR = "must be a name of lower-case letters, digits and underscores, at most 48 characters";
/** Names that the servers keep for themselves. */
const RESERVED =
  /^(pg_.*|postgres|template[01]|terrace|root|mysql|mariadb|sys|information_schema|performance_schema|public|user|none)$/;

function variable(what: string, name: keyof typeof DEFAULTS.env) {
  return z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be a name of letters, digits and underscores" })
    .optional()
    .meta({
      description: `The variable that holds ${what}.`,
      examples: [DEFAULTS.env[name]],
      default: DEFAULTS.env[name],
    });
}

export const databaseSchema = z.strictObject({
  engine: z.enum(ENGINES).meta({ description: "What the site's program speaks.", examples: ["postgres"] }),
  size: sizeSchema({ min: "1MiB", max: "64TiB" }).meta({
    description: "What the data is expected to need. Shown and summed; a local volume does not enforce it.",
    examples: ["1GiB"],
  }),
  memory: sizeSchema({ min: "128MiB", max: "1TiB" })
    .optional()
    .meta({
      description:
        "Memory that the database may use at most; it is reserved on the node, and the engine is tuned to it.",
      examples: ["512MiB"],
      default: DEFAULTS.memory,
    }),
  name: z
    .string({ error: NAME_ERROR })
    .regex(NAME, { error: NAME_ERROR, abort: true })
    .refine((name) => !RESERVED.test(name), { error: "must not be a name that the server keeps for itself" })
    .optional()
    .meta({
      description: "The name of the database and of its user. Fixed once there is data.",
      examples: ["letters"],
      absent: "the site's name, with `_` for `-`",
    }),
  env: z
    .strictObject({
      host: variable("the database's host name", "host"),
      port: variable("its port", "port"),
      name: variable("the database's name", "name"),
      user: variable("the user's name", "user"),
      passwordFile: variable("the path of the file with the password", "passwordFile"),
    })
    .optional()
    .meta({
      description:
        "The variables by which the site's program gets its connection. One with a whole URL in it is not possible: the password would stand in it, for everyone who may read Docker's API.",
      examples: [{ host: "PGHOST", port: "PGPORT", name: "PGDATABASE", user: "PGUSER" }],
      absent: "the names below",
    }),
  secret: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,63}$/, { error: "must be a name like DB_PASSWORD" })
    .optional()
    .meta({
      description: "The name of the file in `/run/secrets` that holds the password.",
      examples: ["DB_PASSWORD"],
      default: DEFAULTS.secret,
    }),
});

export function resolveDatabase(typed: z.infer<typeof databaseSchema>, site: string): DatabasePart {
  const name = typed.name ?? databaseName(site);
  return {
    engine: typed.engine,
    size: sizeOf(typed.size),
    memory: sizeOf(typed.memory ?? DEFAULTS.memory),
    database: name,
    user: name,
    env: { ...DEFAULTS.env, ...typed.env },
    secret: typed.secret ?? DEFAULTS.secret,
  };
}

/** A site's name as an identifier that both engines take without quotes: `finance-web` is `finance_web`. */
export function databaseName(site: string): string {
  const plain = site.replaceAll("-", "_");
  const name = (/^[a-z]/.test(plain) ? plain : `s_${plain}`).slice(0, 48);
  return RESERVED.test(name) ? `${name.slice(0, 43)}_site` : name;
}

/** The variables that the site's container gets. */
export function databaseEnv({ engine, database, env, secret }: DatabasePart, user: string): Record<string, string> {
  return {
    [env.host]: DATABASE_HOST,
    [env.port]: String(FACTS[engine].port),
    [env.name]: database,
    [env.user]: user,
    [env.passwordFile]: `/run/secrets/${secret}`,
  };
}
