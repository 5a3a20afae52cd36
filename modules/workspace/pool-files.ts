import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TerraceError } from "../core/errors.ts";

/** Where what is known of a platform's virtual servers lies: it belongs to the workspace, and holds no secret. */
export function poolFiles(root: string, platform: string): { state: string; addresses: string; work: string } {
  return {
    state: join(root, "pool", `${platform}.tfstate`),
    addresses: join(root, "pool", `${platform}.json`),
    /** Can be made anew at any time. */
    work: join(root, ".terrace", "pool", platform),
  };
}

/** The addresses that the last `terrace pool up` found out, by node; empty where there was none. */
export async function readAddresses(root: string, platform: string): Promise<Record<string, string>> {
  const { addresses } = poolFiles(root, platform);
  const text = await readFile(addresses, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return {};
  try {
    const entries = Object.entries(JSON.parse(text) as object);
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    throw new TerraceError("TERRACE_POOL_FILE", `pool/${platform}.json is not what terrace pool up writes`, {
      where: addresses,
      next: "remove it and run terrace pool up: it is written anew",
    });
  }
}

export async function writeAddresses(root: string, platform: string, found: Record<string, string>): Promise<void> {
  const { addresses } = poolFiles(root, platform);
  await mkdir(join(root, "pool"), { recursive: true });
  await writeFile(`${addresses}.new`, `${JSON.stringify(found, undefined, 2)}\n`);
  await rename(`${addresses}.new`, addresses);
}
