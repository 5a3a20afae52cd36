import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { flag, type Input, text } from "../cli/command.ts";

export function usage(message: string): TerraceError {
  return new TerraceError("TERRACE_USAGE", message, { exitCode: EXIT.usage });
}

/** The first of some options, with and without a value, that is given; `--volume`. */
export function givenOf(input: Input, valued: string[], flags: string[]): string | undefined {
  const found = valued.find((name) => text(input, name) !== undefined) ?? flags.find((name) => flag(input, name));
  return found === undefined ? undefined : `--${found}`;
}
