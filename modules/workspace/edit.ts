import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";

/** Sets keys of `platform.yaml`, keeping its comments and order. The file is replaced whole or not at all. */
export async function setPlatformKeys(root: string, values: [path: string[], value: unknown][]): Promise<void> {
  const path = join(root, "platform.yaml");
  const document = parseDocument(await readFile(path, "utf8"));
  for (const [key, value] of values) document.setIn(key, value);
  await writeFile(`${path}.new`, document.toString({ lineWidth: 0 }));
  await rename(`${path}.new`, path);
}
