import type { Command } from "./cli/command.ts";
import { keygen } from "./secret/keygen.ts";
import { list } from "./secret/list.ts";
import { rotate } from "./secret/rotate.ts";
import { set } from "./secret/set.ts";

export const secret: Command = {
  name: "secret",
  summary: "Set, list and rotate the values that sites must not show",
  details: "Values are read from the terminal or from standard input, never from an argument, and are never printed.",
  examples: [
    { line: "terrace secret set mailbox API_TOKEN", says: "ask for a value and keep it encrypted" },
    { line: "terrace secret rotate mailbox DB_PASSWORD", says: "a new password, in the database and in the site" },
  ],
  subcommands: [set, list, rotate, keygen],
};
