import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TerraceError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";

/**
 * The values of a site's secrets: from the environment (`TERRACE_SECRET_SITE_NAME`, the site's name in capitals with `_` for `-`),
 * or from the file `secrets/SITE/NAME`, which git ignores; a line end at its end is not part of the value.
 *
 * @throws TerraceError `TERRACE_SECRET_MISSING` for the first name without a value
 */
export async function readSecrets(root: string, site: string, names: string[]): Promise<Record<string, Secret>> {
  const entries = names.map(async (name) => [name, await readSecret(root, site, name)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function readSecret(root: string, site: string, name: string): Promise<Secret> {
  const variable = `TERRACE_SECRET_${site.toUpperCase().replaceAll("-", "_")}_${name}`;
  const fromEnvironment = process.env[variable];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return new Secret(fromEnvironment);
  const path = join("secrets", site, name);
  try {
    return new Secret((await readFile(join(root, path), "utf8")).replace(/\r?\n$/, ""));
  } catch (error) {
    throw new TerraceError("TERRACE_SECRET_MISSING", `the secret ${name} of ${site} has no value here`, {
      where: `site-configs/${site}.yaml`,
      next: `put it into the file ${path} (git ignores it), or into the variable ${variable}`,
      cause: error,
    });
  }
}
