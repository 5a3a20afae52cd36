import { EXIT } from "../modules/core/errors.ts";
import type { Command } from "./cli/command.ts";
import { note } from "./cli/output.ts";

export const docs: Command = {
  name: "docs",
  summary: "Write the reference pages and JSON Schemas anew, from the schema and the commands",
  details: "For those who work on Terrace itself; a test checks that what is committed is current.",
  examples: [{ line: "terrace docs", says: "after a change of a key or a command" }],
  async run() {
    const { writeReference } = await import("./cli/reference.ts");
    for (const path of await writeReference()) note(`wrote ${path}`);
    return EXIT.done;
  },
};
