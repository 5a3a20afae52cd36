import { z } from "zod";
import type { Concern } from "../core/concern.ts";

/** Where the values of the sites' secrets come from, beside the environment and the files that Git ignores. */
export interface SecretSources {
  /** Public keys for whom `secrets/SITE.age` is encrypted. */
  recipients: string[];
  /** A program that prints a value; it gets the site and the name as its last arguments. */
  command: string[] | undefined;
}

/** The environment variable that a secret's value may come from. */
export function secretVariable(site: string, name: string): string {
  return `TERRACE_SECRET_${site.toUpperCase().replaceAll("-", "_")}_${name}`;
}

const RECIPIENT = "must be a public key like age1..., as `terrace secret keygen` prints it";

const schema = z.strictObject({
  recipients: z
    .array(z.string({ error: RECIPIENT }).regex(/^age1[02-9ac-hj-np-z]{58}$/, { error: RECIPIENT }))
    .optional()
    .meta({
      description:
        "The age public keys for whom `terrace secret set` encrypts `secrets/SITE.age`: one for each holder.",
      examples: [["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]],
      default: [],
    }),
  command: z
    .array(z.string())
    .min(1, { error: "must hold at least the program's name" })
    .optional()
    .meta({
      description:
        "A program that prints one value, e.g. a password manager's. It gets the site and the secret's name as its last two arguments, and as `TERRACE_SECRET_SITE` and `TERRACE_SECRET_NAME`.",
      examples: [["pass-for-terrace"]],
      absent: "no program is asked",
    }),
});

export const secretSources: Concern<"secrets", z.infer<typeof schema>, SecretSources> = {
  key: "secrets",
  required: false,
  schema: schema.meta({
    description:
      "Where values of secrets come from. In this order: the environment, the file `secrets/SITE/NAME`, the encrypted file `secrets/SITE.age`, the command.",
    examples: [{ recipients: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"] }],
    absent: "from the environment and from files that Git ignores",
  }),
  resolve: (typed) => ({ recipients: typed?.recipients ?? [], command: typed?.command }),
};
