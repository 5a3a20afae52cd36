import type { DatabasePart } from "../database/types.ts";

/** Plain data that describes the Swarm service of one site, filled in by the site's concerns one after another. */
export interface ServiceDraft {
  /** What carries the site; `none` where the site has no service of its own (proxied, or retired). */
  source: ServiceSource;
  /** The port that the container listens on. */
  port: number;
  command: string[] | undefined;
  env: Record<string, string>;
  /** Names of secrets, each mounted at `/run/secrets/NAME`. Values are never part of a draft. */
  secrets: string[];
  volumes: VolumePart[];
  /** The database that the site has for itself. */
  database: DatabasePart | undefined;
  /** `uid:gid`, never root unless the site's file says so. */
  user: string;
  health: HealthPart | undefined;
  replicas: number;
  /** Cores, e.g. 0.25. */
  cpu: number;
  /** Bytes. */
  memory: number;
}

export type ServiceSource =
  | { kind: "none" }
  /** Pages in a folder of the workspace, laid over the static server's image. */
  | { kind: "static"; folder: string }
  /** A folder of the workspace with a Dockerfile. */
  | { kind: "build"; folder: string }
  /** An image by reference. */
  | { kind: "image"; image: string };

export interface VolumePart {
  name: string;
  path: string;
  /** Bytes: what the site is expected to need; shown and summed, not enforced by local volumes. */
  size: number;
  /** Where it is, if not on the disk of one node. */
  nfs: NfsPart | undefined;
}

/** A folder that an NFS server exports. */
export interface NfsPart {
  /** IP address or host name. */
  server: string;
  path: string;
  /** Of the mount, in this order. */
  options: string[];
}

/** An exec health check, times in milliseconds. */
export interface HealthPart {
  /** As Docker takes it: `["CMD", ...]` or `["CMD-SHELL", "..."]`. */
  test: string[];
  interval: number;
  timeout: number;
  retries: number;
  start: number;
}
