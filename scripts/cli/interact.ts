import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { flag, type Input } from "./command.ts";
import { note } from "./output.ts";

/**
 * Whether the user wants what was shown.
 *
 * @throws TerraceError `TERRACE_NEEDS_YES` where there is nobody to ask
 */
export async function agreed(input: Input): Promise<boolean> {
  if (flag(input, "yes")) return true;
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new TerraceError("TERRACE_NEEDS_YES", "there is no terminal to ask on", {
      next: "give --yes to do it without asking",
      exitCode: EXIT.usage,
    });
  }
  const { confirm } = await import("@inquirer/prompts");
  return confirm({ message: "Do this?", default: false }).catch((error: Error) => {
    if (error.name === "ExitPromptError") return false;
    throw error;
  });
}

/** Signals that ask a command to end: Ctrl-C, a scheduler's, and that of a terminal or connection that is gone. */
const STOPS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C stops between two operations; a second one stops at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = () => {
    note("stopping after the operation under way; press Ctrl-C again to stop at once");
    abort.abort(
      new TerraceError("TERRACE_INTERRUPTED", "stopped before the end", {
        why: "what is listed above was done, the rest was not",
        next: "run this again: it goes on where it stopped",
      }),
    );
  };
  for (const signal of STOPS) process.once(signal, stop);
  try {
    return await work(abort.signal);
  } catch (error) {
    // Timers and calls that the signal ended throw an error of their own around ours.
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    for (const signal of STOPS) process.off(signal, stop);
  }
}
