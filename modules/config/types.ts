import type { Problem } from "../core/problem.ts";
import type { Platform } from "../platform/index.ts";
import type { Site } from "../site/index.ts";

/** A file as it was read: nothing about its bytes is taken for granted. */
export interface FileBytes {
  /** Relative to the workspace, with `/`: it is the address in problems. */
  path: string;
  bytes: Uint8Array;
}

export interface ConfigFiles {
  /** `platform.yaml`; `undefined` where there is none. */
  platform: FileBytes | undefined;
  /** Merged deep over `platform.yaml`, the last one on top. */
  overlays: FileBytes[];
  sites: FileBytes[];
}

/** What the rules may know of the world outside the files. */
export interface Facts {
  /** What stands at a path of the workspace; `undefined` where nothing does. */
  kindOf(path: string): "file" | "folder" | undefined;
  /** The day for which the files are read, `YYYY-MM-DD`. */
  date: string;
  /** Bytes that the pool can reserve for sites; `undefined` where that is not known. */
  poolMemory?: number;
}

export interface Config {
  /** `undefined` where `platform.yaml` has an error; then there are no sites either. */
  platform: Platform | undefined;
  /** Those without an error, sorted by name. */
  sites: Site[];
  /** Of all files, sorted by address. */
  problems: Problem[];
}

export type Path = readonly (string | number)[];

/** What is wrong at a path of one file, before it has a line and column. */
export interface Finding {
  rule: string;
  severity: "error" | "warning";
  path: Path;
  /** Whether the key or its value is at fault. */
  at: "key" | "value";
  message: string;
}

/** All that is known once every file has its shape. */
export interface World {
  platform: Platform | undefined;
  /** What was typed in `platform.yaml` and its overlays; `undefined` where it is broken. */
  typedPlatform: Readonly<Record<string, unknown>> | undefined;
  /** What `platform.yaml` alone says, without overlays. */
  typedBase: Readonly<Record<string, unknown>> | undefined;
  /** Those whose own file has the right shape, sorted by name. */
  sites: readonly Site[];
  /** What was typed, by site name. */
  typed: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** False where some site's file could not be read: what is missing may be in there. */
  complete: boolean;
  facts: Facts;
}

/** A finding in the file of a site; in `platform.yaml` where `site` is `undefined`. */
export type RuleFinding = Omit<Finding, "rule"> & { site: string | undefined };

/** A check that needs more than one key, more than one file, or the facts. Its name is permanent. */
export interface Rule {
  readonly name: string;
  check(world: World): Iterable<RuleFinding>;
}

export const SITE_FOLDER = "site-configs";

/** The file of a site, relative to the workspace. */
export function siteFile(name: string): string {
  return `${SITE_FOLDER}/${name}.yaml`;
}
