import { Command as Program } from "commander";
import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import type { Command, Input } from "./command.ts";
import { errorJson, printError, printJson } from "./output.ts";

/** Makes the command line from the records. */
export function makeProgram(commands: readonly Command[]): Program {
  const root = new Program("terrace")
    .description("One YAML file is one site: all the web sites of one authority on one shared server pool.")
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for help)")
    .exitOverride()
    .helpCommand(false);
  for (const command of commands) add(root, command);
  return root;
}

function add(parent: Program, command: Command): void {
  const { run, subcommands = [] } = command;
  if (run === undefined && subcommands.length === 0) throw new Error(`the command ${command.name} does nothing`);
  const sub = parent.command(command.name).summary(command.summary);
  sub.description([command.summary, command.details].filter(Boolean).join(".\n\n")).exitOverride();
  for (const { name, required, says } of command.arguments ?? [])
    sub.argument(required ? `<${name}>` : `[${name}]`, says);
  for (const { flags, says } of command.options ?? []) sub.option(flags, says);
  const lines = command.examples.map(({ line, says }) => `  ${line}\n      ${says}`);
  sub.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  sub.helpCommand(false);
  for (const below of subcommands) add(sub, below);
  if (run === undefined) return;
  sub.action(async (...given: unknown[]) => {
    // With the parents': an option that both have is read by the parent.
    const options = sub.optsWithGlobals() as Input["options"];
    process.exitCode = await guarded(run, {
      arguments: given
        .slice(0, -2)
        .flat()
        .filter((each) => each !== undefined) as string[],
      options,
    });
  });
}

async function guarded(run: NonNullable<Command["run"]>, input: Input): Promise<number> {
  try {
    return await run(input);
  } catch (error) {
    if (input.options.json === true && error instanceof TerraceError) printJson({ error: errorJson(error) });
    printError(error);
    return error instanceof TerraceError ? error.exitCode : EXIT.failed;
  }
}
