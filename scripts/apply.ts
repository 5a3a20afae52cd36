import { type Command, OPTION } from "./cli/command.ts";

export const apply: Command = {
  name: "apply",
  summary: "Make the cluster as the files say",
  details:
    "Shows the plan, asks, carries it out and waits: each changed site is visited through the edge over TLS. Exits with 1 where a site does not come up; its earlier version then goes on serving.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [OPTION.env, OPTION.asOf, OPTION.json, OPTION.yes, OPTION.noWait],
  examples: [
    { line: "terrace apply", says: "show, ask, do" },
    { line: "terrace apply finance --yes", says: "one site, without asking" },
  ],
  async run(input) {
    const { prepare } = await import("./cli/prepare.ts");
    const { carry } = await import("./cli/carry.ts");
    const replan = () => prepare(input, input.arguments);
    return carry(await replan(), input, { reason: ["apply", ...input.arguments].join(" "), replan });
  },
};
