import { statSync } from "node:fs";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Flips one bit in the largest pack of a repository that is a folder. What is returned puts it right. */
export async function damage(repository: string): Promise<() => Promise<void>> {
  const entries = await readdir(join(repository, "data"), { recursive: true, withFileTypes: true });
  const packs = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const [path = ""] = packs.toSorted((a, b) => statSync(b).size - statSync(a).size);
  const bytes = await readFile(path);
  const spoiled = Buffer.from(bytes);
  const at = Math.floor(bytes.length / 3);
  spoiled[at] = (bytes[at] ?? 0) ^ 1;
  await chmod(path, 0o600);
  await writeFile(path, spoiled);
  return () => writeFile(path, bytes);
}
