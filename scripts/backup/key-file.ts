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
  if (identity !== undefined) return new Secret(await open(sealed, await readText(identity), file));
  if (sealed.startsWith("-----BEGIN AGE")) throw cannotOpen(file, "it is sealed, and --identity was not given");
  if (sealed.trim() === "") throw cannotOpen(file, "it is empty");
  return new Secret(sealed.trim());
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
