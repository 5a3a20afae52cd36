import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TerraceError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { readIdentities } from "./identity.ts";

/** A value of an encrypted file, and the day it was set, `YYYY-MM-DD`. */
export interface Sealed {
  value: Secret;
  set: string;
}

/** A site's encrypted file, relative to the workspace. It may be committed. */
export function sealedFile(site: string): string {
  return `secrets/${site}.age`;
}

/**
 * All values of a site's encrypted file; none where there is no such file.
 *
 * @throws TerraceError `TERRACE_SECRET_IDENTITY` without a key that opens it, `TERRACE_SECRET_FILE` where it is damaged
 */
export async function readSealed(root: string, site: string): Promise<Map<string, Sealed>> {
  const path = sealedFile(site);
  const bytes = await readFile(join(root, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) return new Map();
  const { armor, Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  for (const identity of await readIdentities()) decrypter.addIdentity(identity.reveal());
  let text: string;
  try {
    const plain = bytes.toString("latin1").startsWith("-----BEGIN AGE") ? armor.decode(bytes.toString("utf8")) : bytes;
    text = await decrypter.decrypt(plain, "text");
  } catch (error) {
    if (/no identity matched/.test(String(error))) throw wrongKey(path);
    throw damaged(path, error);
  }
  return parse(text, path);
}

function parse(text: string, path: string): Map<string, Sealed> {
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, { value: string; set: string }>);
    return new Map(entries.map(([name, { value, set }]) => [name, { value: new Secret(value), set }]));
  } catch {
    // What the parser says would quote the file.
    throw damaged(path, undefined);
  }
}

function wrongKey(where: string): TerraceError {
  return new TerraceError("TERRACE_SECRET_IDENTITY", "the key that is here does not open the secrets", {
    where,
    why: "the file was encrypted for others",
    next: "use the key of one of `secrets.recipients`, or let one of its holders add yours and set the values again",
  });
}

function damaged(where: string, cause: unknown): TerraceError {
  return new TerraceError("TERRACE_SECRET_FILE", "the encrypted file is damaged", {
    where,
    why: "it is not what `terrace secret set` wrote",
    next: `take it from Git again (git checkout ${where})`,
    cause,
  });
}

/**
 * Writes a site's encrypted file whole, or not at all.
 *
 * @throws TerraceError `TERRACE_SECRET_RECIPIENT` where there is nobody to encrypt for
 */
export async function writeSealed(
  root: string,
  site: string,
  values: ReadonlyMap<string, Sealed>,
  recipients: readonly string[],
): Promise<void> {
  if (recipients.length === 0) {
    throw new TerraceError("TERRACE_SECRET_RECIPIENT", "there is nobody to encrypt the secret for", {
      where: "platform.yaml",
      why: "secrets.recipients is empty",
      next: "`terrace secret keygen` makes a key and prints what to write there",
    });
  }
  const { armor, Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      throw new TerraceError("TERRACE_SECRET_RECIPIENT", `${recipient} is not a public key of age`, {
        where: "platform.yaml",
        why: "it was mistyped or cut off",
        next: "copy it again from `terrace secret keygen`",
        cause: error,
      });
    }
  }
  const plain = Object.fromEntries([...values].map(([name, { value, set }]) => [name, { value: value.reveal(), set }]));
  const sealed = armor.encode(await encrypter.encrypt(JSON.stringify(plain)));
  const path = join(root, sealedFile(site));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, `${sealed.trimEnd()}\n`);
  await rename(`${path}.new`, path);
}
