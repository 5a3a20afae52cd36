import { EXIT } from "../modules/core/errors.ts";
import { makeProgram } from "./cli/program.ts";
import { commands } from "./commands.ts";

// A reader that goes away (`terrace up | head`) must not end a deploy halfway.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await makeProgram(commands).parseAsync();
} catch (error) {
  // Commander has printed its message; help that was asked for is no error.
  const { exitCode } = error as { exitCode?: number };
  if (exitCode === undefined) throw error;
  process.exitCode = exitCode === 0 ? EXIT.done : EXIT.usage;
}
