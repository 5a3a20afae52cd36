import { Command as Program } from "commander";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import type { Command, Input } from "./cli/command.ts";
import { errorJson, printError, printJson } from "./cli/output.ts";
import { commands } from "./commands.ts";

/** Makes the command line from the records. */
function program(): Program {
  const root = new Program("terrace")
    .description("One YAML file is one site: all the web sites of one authority on one shared server pool.")
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for help)")
    .exitOverride()
    .helpCommand(false);
  for (const command of commands) add(root, command);
  return root;
}

function add(root: Program, command: Command): void {
  const sub = root.command(command.name).summary(command.summary);
  sub.description([command.summary, command.details].filter(Boolean).join(".\n\n")).exitOverride();
  for (const { name, required, says } of command.arguments ?? [])
    sub.argument(required ? `<${name}>` : `[${name}]`, says);
  for (const { flags, says } of command.options ?? []) sub.option(flags, says);
  const lines = command.examples.map(({ line, says }) => `  ${line}\n      ${says}`);
  sub.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  sub.action(async (...given: unknown[]) => {
    const options = sub.opts() as Input["options"];
    process.exitCode = await guarded(command, {
      arguments: given
        .slice(0, -2)
        .flat()
        .filter((each) => each !== undefined) as string[],
      options,
    });
  });
}

async function guarded(command: Command, input: Input): Promise<number> {
  try {
    return await command.run(input);
  } catch (error) {
    if (input.options.json === true && error instanceof TerraceError) printJson({ error: errorJson(error) });
    printError(error);
    return error instanceof TerraceError ? error.exitCode : EXIT.failed;
  }
}

// A reader that goes away (`terrace up | head`) must not end a deploy halfway.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await program().parseAsync();
} catch (error) {
  // Commander has printed its message; help that was asked for is no error.
  const { exitCode } = error as { exitCode?: number };
  if (exitCode === undefined) throw error;
  process.exitCode = exitCode === 0 ? EXIT.done : EXIT.usage;
}
