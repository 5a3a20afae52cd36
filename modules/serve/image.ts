import { z } from "zod";
import { type DatabasePart, databaseSchema, resolveDatabase } from "../database/index.ts";
import type { HealthPart, NfsPart, VolumePart } from "../site/service.ts";
import { faultCheck, folderFault, imageSchema, nameSchema, sizeOf, sizeSchema } from "../units/index.ts";
import { healthSchema, resolveHealth } from "./health.ts";

export const DEFAULT_PORT = 8080;
export const DEFAULT_USER = "10001:10001";

/** Writes are never lost without an error, however long the server is away. */
const NFS_OPTIONS = ["nfsvers=4.1", "hard", "timeo=600", "retrans=2"];
const SERVER = "must be an IP address or host name like 10.0.0.20";
const EXPORT = "must be an absolute path like /exports/shop";
const MOUNT_OPTION = "must be one option of mount.nfs, like nfsvers=4.1";

const nfs = z.strictObject({
  server: z
    .string({ error: SERVER })
    .max(253, { error: SERVER })
    .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)$/, { error: SERVER })
    .meta({ description: "The server: an address that every node of the pool reaches.", examples: ["10.0.0.20"] }),
  path: z
    .string({ error: EXPORT })
    .regex(/^\/(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/|$))*$/, { error: EXPORT })
    .meta({ description: "The folder that it exports.", examples: ["/exports/shop"] }),
  options: z
    .array(
      // `addr` is the server's, and a comma would begin another option.
      z
        .string({ error: MOUNT_OPTION })
        .regex(/^(?!addr=)[a-z0-9_]+(?:=[A-Za-z0-9._:/-]+)?$/, { error: MOUNT_OPTION })
        .meta({ description: "One option, as `mount -o` takes it.", examples: ["nfsvers=4.1"] }),
    )
    .max(20)
    .optional()
    .meta({
      description: "Options of the mount, instead of the default ones.",
      examples: [["nfsvers=3", "nolock", "hard"]],
      default: NFS_OPTIONS,
    }),
});

const volume = z.strictObject({
  name: nameSchema().meta({ description: "The volume's name, unique within the site.", examples: ["data"] }),
  path: z
    .string()
    .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/, { error: "must be an absolute path like /var/lib/app" })
    .meta({ description: "Where it is mounted in the container.", examples: ["/var/lib/app"] }),
  size: sizeSchema({ min: "1MiB", max: "64TiB" }).meta({
    description: "What the site is expected to need there. Shown and summed; a local volume does not enforce it.",
    examples: ["1GiB"],
  }),
  nfs: nfs.optional().meta({
    description: "A folder of an NFS server. The site then runs on any node, and may have several replicas.",
    examples: [{ server: "10.0.0.20", path: "/exports/shop" }],
    absent: "the volume is on the disk of one node, which the site is bound to",
  }),
});

const source = {
  image: imageSchema()
    .optional()
    .meta({
      description: "The image by reference, best pinned by a version or digest. Either this or `build`.",
      examples: ["registry.example.cn/web/shop:1.4.2"],
      absent: "`build` is given",
    }),
  build: faultCheck(folderFault)
    .optional()
    .meta({
      description: "A folder of the workspace that holds a Dockerfile. Either this or `image`.",
      examples: ["apps/shop"],
      absent: "`image` is given",
    }),
};

const USER = 'must be "uid:gid" in numbers, like "10001:10001"';

const running = {
  port: z
    .int({ error: "must be a port, a number from 1 to 65535" })
    .min(1, { error: "must be a port from 1 to 65535" })
    .max(65535, { error: "must be a port from 1 to 65535" })
    .optional()
    .meta({
      description: "The port that the container listens on, for HTTP.",
      examples: [8080],
      default: DEFAULT_PORT,
    }),
  command: z
    .array(z.string())
    .min(1, { error: "must hold at least the program's name" })
    .optional()
    .meta({
      description: "Program and arguments, one list entry each; no shell reads them.",
      examples: [["node", "server.js"]],
      absent: "the image's own command",
    }),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be a name of letters, digits and underscores" }),
      z.string({ error: "must be text: put numbers, true and false in quotes" }),
    )
    .optional()
    .meta({
      description: "Environment variables. Values are text; what is secret belongs in `secrets`.",
      examples: [{ LANG: "zh_CN.UTF-8" }],
      default: {},
    }),
  secrets: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, { error: "must be a name like DB_PASSWORD" }))
    .max(50)
    .optional()
    .meta({
      description: "Names of secrets, each readable at `/run/secrets/NAME`. Values are never in a site's file.",
      examples: [["DB_PASSWORD"]],
      default: [],
    }),
  volumes: z
    .array(volume)
    .max(20)
    .optional()
    .meta({
      description: "What must outlive the container. Everything else in it is read-only but `/tmp`.",
      examples: [[{ name: "data", path: "/var/lib/app", size: "1GiB" }]],
      default: [],
    }),
  database: databaseSchema.optional().meta({
    description: "A database of the site's own: one server, on a network that only the two are on.",
    examples: [{ engine: "postgres", size: "1GiB" }],
    absent: "the site has none",
  }),
  health: healthSchema.optional().meta({
    description: "How to tell that a container is ready for visitors; `none` turns the check off.",
    examples: [{ path: "/healthz" }, "none"],
    absent: "an HTTP check of `/`",
  }),
  user: z
    .string({ error: USER })
    .regex(/^[0-9]{1,10}:[0-9]{1,10}$/, { error: USER })
    .optional()
    .meta({
      description: "The user and group that the container runs as.",
      examples: ["10001:10001"],
      default: DEFAULT_USER,
    }),
};

export const imageServeSchema = z
  .strictObject({ ...source, ...running })
  .refine((typed) => (typed.image === undefined) !== (typed.build === undefined), {
    error: "must have exactly one of image and build",
  });

export interface ImageServe {
  kind: "image";
  source: { kind: "image"; image: string } | { kind: "build"; folder: string };
  port: number;
  command: string[] | undefined;
  env: Record<string, string>;
  secrets: string[];
  volumes: VolumePart[];
  database: DatabasePart | undefined;
  health: HealthPart | undefined;
  user: string;
}

export function resolveImage(typed: z.infer<typeof imageServeSchema>, site: string): ImageServe {
  const port = typed.port ?? DEFAULT_PORT;
  return {
    kind: "image",
    source:
      typed.build === undefined
        ? { kind: "image", image: typed.image ?? "" }
        : { kind: "build", folder: typed.build.replace(/\/$/, "") },
    port,
    command: typed.command,
    env: typed.env ?? {},
    secrets: typed.secrets ?? [],
    volumes: (typed.volumes ?? []).map((part) => ({ ...part, size: sizeOf(part.size), nfs: resolveNfs(part.nfs) })),
    database: typed.database && resolveDatabase(typed.database, site),
    health: resolveHealth(typed.health, port),
    user: typed.user ?? DEFAULT_USER,
  };
}

function resolveNfs(typed: z.infer<typeof nfs> | undefined): NfsPart | undefined {
  return typed && { ...typed, options: typed.options ?? NFS_OPTIONS };
}
