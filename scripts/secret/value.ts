import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { Secret } from "../../modules/core/secret.ts";

/**
 * A value from the person at the terminal, who does not see it, or from standard input.
 *
 * @throws TerraceError `TERRACE_USAGE` where it is empty
 */
export async function askValue(question: string): Promise<Secret> {
  const value = process.stdin.isTTY === true ? await prompt(question) : await readInput();
  if (value !== "") return new Secret(value);
  throw new TerraceError("TERRACE_USAGE", "the value is empty", {
    next: "give it on standard input, or at the question; nothing was changed",
    exitCode: EXIT.usage,
  });
}

async function prompt(message: string): Promise<string> {
  const { password } = await import("@inquirer/prompts");
  // Standard output is for results.
  return password({ message, mask: "*" }, { output: process.stderr });
}

/** All of standard input, without the line end at its end. */
async function readInput(): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
