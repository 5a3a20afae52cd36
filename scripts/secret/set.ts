import { EXIT } from "../../modules/core/errors.ts";
import { type Command, OPTION } from "../cli/command.ts";
import { print } from "../cli/output.ts";

export const set: Command = {
  name: "set",
  summary: "Keep the value of a site's secret, encrypted for the holders of the keys",
  details:
    "Asks for the value without showing it; where there is no terminal, reads it from standard input. Writes secrets/SITE.age, which may be committed; where there is a plain file secrets/SITE/NAME already, that one.",
  arguments: [
    { name: "site", required: true, says: "the site; `backup` for what the places of backups ask for" },
    { name: "name", required: true, says: "the secret's name, as in the site's file" },
  ],
  options: [OPTION.env],
  examples: [
    { line: "terrace secret set mailbox API_TOKEN", says: "ask for it" },
    {
      line: "terrace secret set mailbox API_TOKEN < token.txt",
      says: "from a file; the line end at its end is left out",
    },
  ],
  async run(input) {
    const [site = "", name = ""] = input.arguments;
    const [{ secretOf }, { askValue }, { writeSecret }] = await Promise.all([
      import("./site.ts"),
      import("./value.ts"),
      import("../../modules/workspace/index.ts"),
    ]);
    const { root, platform } = await secretOf(input, site, name, "set");
    const { path } = await writeSecret(root, site, name, await askValue(`Value of ${name}`), platform.secrets);
    print(`Kept ${name} of ${site} in ${path}.`);
    // What the places of backups ask for is no site's.
    print(site === "backup" ? "Next: terrace up" : `Next: terrace up ${site}`);
    return EXIT.done;
  },
};
