import { gzipSync } from "node:zlib";
import { LABEL } from "../core/labels.ts";
import type { JobMount, JobSpec } from "../docker/index.ts";
import { objectName, siteStack } from "../names/index.ts";
import { volumeObject } from "../serve/index.ts";
import type { Keep } from "./index.ts";
import type { BackupEntry, BackupList } from "./list.ts";
import { repositoryOf, type Target } from "./target.ts";

/** The host name of every job's container: by it a job knows the locks of jobs before it. */
export const JOB_HOST = "terrace-backup";
/** The stack of all that backups need. */
export const BACKUP_STACK = "backup";
/** On a job's service: what it does. */
export const JOB_ACTION = "terrace.job.action";
export const PASSWORD = "password";

/** What the cluster says of a site, as far as its jobs need it. */
export interface LiveSite {
  /** Placement constraints of its service: where its volumes are. */
  constraints: string[];
  /** The image that it runs. */
  image: string | undefined;
  database: LiveDatabase | undefined;
}

export interface LiveDatabase {
  engine: "postgres" | "mariadb";
  /** Host name on `network`. */
  host: string;
  name: string;
  user: string;
  /** Id of the site's internal network. */
  network: string;
  /** Of the service that runs it. */
  constraints: string[];
  password: SecretRef;
}

export interface SecretRef {
  name: string;
  id: string;
}

/** What every job on a repository needs beside its own. */
export interface JobContext {
  list: BackupList;
  entry: Pick<BackupEntry, "site">;
  /** Constraints of where it runs. */
  constraints: string[];
  /** The password, and while it is being changed the next one. */
  passwords: SecretRef[];
  /** What the places ask for, by name. */
  credentials: (SecretRef & { file: string })[];
}

const MIB = 2 ** 20;

/** A job on the repository of a site: the part that all have in common. */
export function repositoryJob(action: string, context: JobContext, more: Partial<JobSpec> = {}): JobSpec {
  const { list, entry, constraints, passwords, credentials } = context;
  const { platform, repository, copy } = list;
  const local = (target: Target | undefined, at: string): JobMount[] =>
    target?.kind === "local" ? [{ kind: "bind", source: target.path, target: at }] : [];
  const withCopy = action === "copy";
  return {
    platform,
    stack: BACKUP_STACK,
    name: jobName(platform, entry.site),
    image: list.image,
    args: [action],
    hostname: JOB_HOST,
    user: "0:0",
    capabilities: [],
    networks: [],
    constraints,
    memory: list.memory,
    ...more,
    env: {
      SITE: entry.site,
      REPOSITORY: repositoryOf(repository, entry.site, "/repository"),
      ...(withCopy && copy !== undefined ? { COPY_REPOSITORY: repositoryOf(copy, entry.site, "/copy") } : {}),
      ...more.env,
    },
    mounts: [
      { kind: "tmpfs", target: "/tmp", size: 64 * MIB },
      { kind: "tmpfs", target: "/data", size: 16 * MIB },
      cacheMount(platform),
      ...local(repository, "/repository"),
      ...(withCopy ? local(copy, "/copy") : []),
      ...(more.mounts ?? []),
    ],
    secrets: [
      ...passwords.map((each, index) => ({ ...each, file: `repository-password${index === 0 ? "" : `-${index}`}` })),
      ...credentials.filter(({ file }) => withCopy || !file.startsWith("COPY_")),
      ...(more.secrets ?? []),
    ],
    labels: { [LABEL.site]: entry.site, [JOB_ACTION]: action, ...more.labels },
  };
}

/** One job of a site at a time: its name says so. */
export function jobName(platform: string, site: string): string {
  return objectName(platform, BACKUP_STACK, `job-${site}`);
}

function cacheMount(platform: string): JobMount {
  const labels = { [LABEL.platform]: platform, [LABEL.stack]: BACKUP_STACK };
  return { kind: "volume", source: objectName(platform, BACKUP_STACK, "cache"), target: "/cache", labels };
}

export function volumeMounts(
  platform: string,
  { site, volumes, nfs }: Pick<BackupEntry, "site" | "volumes" | "nfs">,
  readOnly: boolean,
): JobMount[] {
  const labels = { [LABEL.platform]: platform, [LABEL.stack]: siteStack(site), [LABEL.site]: site };
  return volumes.map((name) => {
    const { source, options } = volumeObject(platform, site, { name, nfs: nfs?.[name] });
    return { kind: "volume", source, target: `/data/volumes/${name}`, readOnly, labels, options };
  });
}

export interface BackupAsk {
  /** The backup's id. */
  backup: string;
  live: LiveSite;
  /** Made before a restore, of what it replaces. */
  safety: boolean;
  /** Whether there has never been a good one: only then a repository is made. */
  first: boolean;
  /** The volume that holds a static site's pages for the moment. */
  content: string | undefined;
  /** Backups from before this moment (ISO 8601) are another cluster's, and one beside them is refused. */
  foreignUntil?: string | undefined;
}

/** Reads everything, writes only to the repository. */
export function backupJob(context: JobContext & { entry: BackupEntry }, ask: BackupAsk): JobSpec {
  const { list, entry } = context;
  const { database, image } = ask.live;
  const about = {
    format: 1,
    platform: list.platform,
    site: entry.site,
    backup: ask.backup,
    image,
    volumes: entry.volumes,
  };
  const content: JobMount[] =
    ask.content === undefined ? [] : [{ kind: "volume", source: ask.content, target: "/data/content", readOnly: true }];
  return repositoryJob("backup", context, {
    capabilities: ["CAP_DAC_READ_SEARCH"],
    mounts: [...volumeMounts(list.platform, entry, true), ...content],
    ...databaseParts(database),
    env: {
      BACKUP: ask.backup,
      KIND: ask.safety ? "safety" : "regular",
      FIRST: ask.first ? "yes" : "no",
      FOREIGN_UNTIL: ask.foreignUntil ?? "",
      SITE_FILE: gzipSync(entry.file).toString("base64"),
      ABOUT: JSON.stringify(about),
      ...databaseParts(database).env,
    },
  });
}

export function databaseParts(database: LiveDatabase | undefined): Pick<JobSpec, "env" | "networks" | "secrets"> {
  if (database === undefined) return { env: {}, networks: [], secrets: [] };
  const { engine, host, name, user, network, password } = database;
  return {
    env: { DB_ENGINE: engine, DB_HOST: host, DB_NAME: name, DB_USER: user },
    networks: [network],
    secrets: [{ ...password, file: "db-password" }],
  };
}

export function retentionJob(context: JobContext, keep: Keep): JobSpec {
  const args = Object.entries(keep).flatMap(([unit, count]) => (count > 0 ? [`--keep-${unit}`, String(count)] : []));
  return repositoryJob("retention", context, { env: { KEEP: args.join(" ") } });
}

/** What a restore needs to write any owner, mode and time. */
const WRITER = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP"];

export interface RestoreAsk {
  /** `sweep` takes a swap back that was cut off. */
  step: "fetch" | "swap" | "sweep";
  snapshot: string;
  /** Names of volumes, of those that are mounted. */
  volumes: string[];
  mounts: JobMount[];
  /** One path within the only volume, beginning with `/`; everything where it is empty. */
  path: string;
}

export function restoreJob(context: JobContext, ask: RestoreAsk): JobSpec {
  return repositoryJob(ask.step === "sweep" ? "sweep" : "restore", context, {
    capabilities: WRITER,
    mounts: ask.mounts,
    env: {
      STEP: ask.step,
      SNAPSHOT: ask.snapshot,
      VOLUMES: ask.volumes.join(" "),
      SUBPATH: ask.path,
      // restic reads the path as a pattern.
      SUBPATTERN: ask.path.replace(/[*?[\\]/g, "\\$&"),
    },
  });
}

/** Loads a dump into a database; `files` is the snapshot whose word on tables and rows is compared with. */
export function loadJob(
  context: JobContext,
  database: LiveDatabase,
  { files, dump }: { files: string; dump: string },
): JobSpec {
  const parts = databaseParts(database);
  return repositoryJob("load", context, {
    ...parts,
    constraints: database.constraints.length > 0 ? database.constraints : context.constraints,
    env: { ...parts.env, SNAPSHOT: dump, FILES_SNAPSHOT: files },
  });
}

/** The volumes of a proof: mounted like the site's own where a backup is restored into them, or beside these to be compared. */
export function compareJob(context: JobContext, names: string[], mounts: JobMount[]): JobSpec {
  return repositoryJob("compare", context, {
    capabilities: ["CAP_DAC_READ_SEARCH"],
    mounts,
    env: { VOLUMES: names.join(" ") },
  });
}

/** Asks a site that stands on a network of its own for its home page. */
export function visitJob(context: JobContext & { entry: BackupEntry }, network: string, upstream: string): JobSpec {
  const { port, host } = context.entry;
  return repositoryJob("visit", context, {
    networks: [network],
    env: { UPSTREAM_HOST: upstream, UPSTREAM_PORT: String(port), SITE_HOST: host },
  });
}
