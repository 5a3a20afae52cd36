import { apply, deploy } from "./apply.ts";
import type { Command } from "./cli/command.ts";

export const up: Command = {
  ...apply,
  name: "up",
  summary: "Plan and apply in one go",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  examples: [
    { line: "terrace up", says: "show what would change, ask, do it" },
    { line: "terrace up --yes --json", says: "in CI" },
  ],
  run: (input) => deploy("up", input),
};
