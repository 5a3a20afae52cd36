import { gunzipSync, gzipSync } from "node:zlib";
import { canonicalJson } from "../core/hash.ts";
import type { NfsPart } from "../site/service.ts";
import type { BackupRules } from "./index.ts";
import type { Target } from "./target.ts";

/** What is to be backed up of one site, and when. */
export interface BackupEntry extends BackupRules {
  site: string;
  /** Whether its pages are in its image. */
  content: boolean;
  /** Names of its volumes. */
  volumes: string[];
  /** Where those are that are on no node's disk, by their names; absent where there is none. */
  nfs?: Record<string, NfsPart>;
  database: "postgres" | "mariadb" | undefined;
  /** The port that it listens on, and the name that visitors know it by. */
  port: number;
  host: string;
  /** The site's file, as it was applied. */
  file: string;
}

/** All that the agent and the commands work from: a Swarm config, made from the files at each apply. */
export interface BackupList {
  format: 1;
  platform: string;
  repository: Target;
  copy: Target | undefined;
  timezone: string;
  /** ms. */
  spread: number;
  /** Five cron fields. */
  check: string;
  parallel: number;
  /** Bytes. */
  memory: number;
  /** The image that jobs run from. */
  image: string;
  sites: BackupEntry[];
}

/** The name of the list within the stack; it is found by the end of its URN. */
export const LIST = "list";

export function encodeList(list: BackupList): Buffer {
  return gzipSync(canonicalJson(list), { level: 9 });
}

export function decodeList(data: Buffer): BackupList {
  return JSON.parse(gunzipSync(data).toString("utf8")) as BackupList;
}

/**
 * The entries that a run writes: those of the sites that it is about from their files, all others as they are. A site whose file is
 * broken just now keeps its backups.
 *
 * @param wanted entries made from the files that can be read
 * @param known names of all sites that have a file that can be read
 * @param broken names of sites whose file cannot
 * @param only sites that the run is about; all where it is empty
 */
export function mergeEntries(
  wanted: BackupEntry[],
  live: BackupEntry[],
  { known, only, broken }: { known: string[]; only: string[]; broken: string[] },
): BackupEntry[] {
  const planned = (site: string) => only.length === 0 || only.includes(site);
  const kept = live.filter(({ site }) => broken.includes(site) || (known.includes(site) && !planned(site)));
  const keptNames = new Set(kept.map(({ site }) => site));
  // One that was never deployed has nothing yet: a job would make empty volumes of its names, wherever it ran.
  const fresh = wanted.filter(({ site }) => planned(site) && !keptNames.has(site));
  return [...kept, ...fresh].sort((a, b) => (a.site < b.site ? -1 : 1));
}
