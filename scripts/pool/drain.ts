import { EXIT } from "../../modules/core/errors.ts";
import { type Command, flag, OPTION } from "../cli/command.ts";
import { print } from "../cli/output.ts";

export const poolDrain: Command = {
  name: "drain",
  summary: "Empty a server for maintenance, without a failed request",
  details:
    "The server gets no new containers; each service with one on it starts new ones elsewhere before the old ones stop; then the rest is stopped. Visitors who come to the server's own address, where it is an edge, get no answer meanwhile: take it out of your load balancer first. `terrace pool up` sets it back to what platform.yaml says.",
  arguments: [{ name: "node", required: true, says: "the node's name in platform.yaml, or its host name" }],
  options: [
    OPTION.env,
    OPTION.wait,
    OPTION.noWait,
    { flags: "--with-data", says: "also where sites have data on its disk: they are down until it is active again" },
  ],
  examples: [{ line: "terrace pool drain n2", says: "then update it, and start it again" }],
  async run(input) {
    const name = input.arguments[0] ?? "";
    const [{ maintain }, { drain }] = await Promise.all([
      import("./maintain.ts"),
      import("../../stacks/pool/maintenance.ts"),
    ]);
    await maintain(input, `pool drain ${name}`, (run) => drain(name, flag(input, "withData"), run));
    print(`Next: terrace pool activate ${name}, when it is to take containers again.`);
    return EXIT.done;
  },
};
