import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder that holds Terrace's `package.json`, as an absolute path without a trailing slash. Data files of modules
 * are read from below it, whether this runs from source (`modules/core/`) or bundled (`dist/`, one flat folder).
 */
export function installRoot(): string {
  return rootOf(import.meta.url);
}

/** The root for a module at `url`: computed from the path alone, so that nothing has to touch a file. */
export function rootOf(url: string): string {
  const folder = dirname(fileURLToPath(url));
  return basename(folder) === "dist" ? dirname(folder) : dirname(dirname(folder));
}
