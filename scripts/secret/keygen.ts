import { EXIT } from "../../modules/core/errors.ts";
import type { Command } from "../cli/command.ts";
import { note, print } from "../cli/output.ts";

export const keygen: Command = {
  name: "keygen",
  summary: "Make the key that opens encrypted secrets, and print its public half",
  details:
    "The key is written to ~/.config/terrace/identity, or where TERRACE_AGE_IDENTITY_FILE says, for its owner alone. One that is there is never replaced. Keep a copy where the machine's loss does not reach it: what is encrypted for it alone is lost with it.",
  examples: [{ line: "terrace secret keygen", says: "a key for yourself" }],
  async run() {
    const { makeIdentity } = await import("../../modules/workspace/index.ts");
    const { recipient, path } = await makeIdentity();
    note(`wrote ${path}`);
    print(recipient);
    note(`Next: add it to platform.yaml: secrets: { recipients: [${recipient}] }`);
    return EXIT.done;
  },
};
