import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { EXIT, TerraceError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";

/** Where the private key lies unless a variable says otherwise. */
export function identityPath(): string {
  const chosen = process.env.TERRACE_AGE_IDENTITY_FILE;
  if (chosen !== undefined && chosen !== "") return chosen;
  return join(process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "terrace", "identity");
}

/**
 * The private keys that open `secrets/SITE.age`: from `TERRACE_AGE_IDENTITY`, or from a file that only its owner can read.
 *
 * @throws TerraceError `TERRACE_SECRET_IDENTITY`
 */
export async function readIdentities(): Promise<Secret[]> {
  const given = process.env.TERRACE_AGE_IDENTITY;
  if (given !== undefined && given !== "") return parse(given, "the variable TERRACE_AGE_IDENTITY");
  const path = identityPath();
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw identityFault("there is no key here to open the secrets with", path, {
      why: "no such file",
      next: `put the key there (\`terrace secret keygen\` makes a new one), or name its file in TERRACE_AGE_IDENTITY_FILE`,
    });
  }
  if ((found.mode & 0o077) !== 0) {
    throw identityFault("others may read the key that opens the secrets", path, {
      why: `its rights are 0${(found.mode & 0o777).toString(8)}`,
      next: `chmod 600 ${path}`,
    });
  }
  return parse(await readFile(path, "utf8"), path);
}

function parse(text: string, where: string): Secret[] {
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length > 0 && keys.every((key) => /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/.test(key))) {
    return keys.map((key) => new Secret(key));
  }
  throw identityFault("what should open the secrets is no age key", where, {
    why: "a key is a line that begins with AGE-SECRET-KEY-1",
    next: "put the key there whole, as `terrace secret keygen` wrote it",
  });
}

function identityFault(what: string, where: string, more: { why: string; next: string }): TerraceError {
  return new TerraceError("TERRACE_SECRET_IDENTITY", what, { where, ...more });
}

/**
 * Makes a new private key, keeps it where {@link readIdentities} looks, and returns its public one.
 *
 * @throws TerraceError `TERRACE_SECRET_IDENTITY` where there is one already
 */
export async function makeIdentity(): Promise<{ recipient: string; path: string }> {
  const { generateX25519Identity, identityToRecipient } = await import("age-encryption");
  const path = identityPath();
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = `# public key: ${recipient}\n${identity}\n`;
  await writeFile(path, text, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    throw new TerraceError("TERRACE_SECRET_IDENTITY", "there is a key already", {
      where: path,
      why: "another one in its place could not open what this one opens",
      next: `use it, move it away, or name another file in TERRACE_AGE_IDENTITY_FILE`,
      exitCode: EXIT.usage,
    });
  });
  await chmod(path, 0o600);
  return { recipient, path };
}
