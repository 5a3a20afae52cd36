import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { Secret } from "../../modules/core/secret.ts";
import { readText } from "../cli/workspace.ts";

/**
 * The key of the repositories out of a file: what `terrace backup key export` printed, or the password itself.
 *
 * @param identity the file with age's private key; absent where the password itself is in the file
 * @throws TerraceError `TERRACE_BACKUP_KEY`, `TERRACE_NO_FILE`
 */
export async function readKey(file: string, identity: string | undefined): Promise<Secret> {
  const sealed = await readText(file);
  const text = identity === undefined ? sealed : await open(sealed, await readText(identity), file);
  const wrong = wrongKey(text.trim());
  if (wrong !== undefined) throw cannotOpen(file, wrong);
  return new Secret(text.trim());
}

/** Why a text is no password of a repository; it would take the place of the one that the cluster has. */
function wrongKey(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (/^(-----BEGIN AGE|age-encryption\.org\/)/.test(text)) return "it is sealed, and --identity was not given";
  if (/^(#.*\n)*AGE-SECRET-KEY-/.test(text)) return "it is a private key of age, which belongs to --identity";
  return text.includes("\n") ? "a password is one line" : undefined;
}

async function open(sealed: string, identities: string, file: string): Promise<string> {
  const { armor, Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  for (const line of identities.split("\n")) if (line.startsWith("AGE-SECRET-KEY-")) decrypter.addIdentity(line.trim());
  try {
    return (await decrypter.decrypt(armor.decode(sealed), "text")).trim();
  } catch (error) {
    throw cannotOpen(file, error instanceof Error ? error.message : String(error));
  }
}

function cannotOpen(file: string, why: string): TerraceError {
  return new TerraceError("TERRACE_BACKUP_KEY", `${file} cannot be opened`, {
    why,
    next: "give the right age key with --identity",
    exitCode: EXIT.usage,
  });
}
