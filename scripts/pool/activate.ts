import { EXIT } from "../../modules/core/errors.ts";
import { type Command, OPTION } from "../cli/command.ts";
import { print } from "../cli/output.ts";

export const poolActivate: Command = {
  name: "activate",
  summary: "Let a server take containers again, and spread those that stand together",
  details:
    "Swarm moves nothing to a server that came back. Services of two or more containers that are on fewer servers than they could be get one more elsewhere, and then lose one where there are most.",
  arguments: [{ name: "node", required: true, says: "the node's name in platform.yaml, or its host name" }],
  options: [
    OPTION.env,
    OPTION.wait,
    OPTION.noWait,
    { flags: "--no-spread", says: "leave all containers where they are" },
  ],
  examples: [{ line: "terrace pool activate n2", says: "after maintenance, or after a lost server came back" }],
  async run(input) {
    const name = input.arguments[0] ?? "";
    const [{ maintain }, { activate }] = await Promise.all([
      import("./maintain.ts"),
      import("../../stacks/pool/maintenance.ts"),
    ]);
    await maintain(input, `pool activate ${name}`, (run) => activate(name, input.options.spread !== false, run));
    print("Next: terrace pool");
    return EXIT.done;
  },
};
