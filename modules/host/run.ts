import { spawn } from "node:child_process";

/** The end of a program: its exit code (127 where it could not be started) and all that it printed. */
export interface Ended {
  code: number;
  output: string;
}

/** Runs a program to its end without a shell and without input. Never throws. */
export function run(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    // `exit`, not `close`: a daemon that the program started keeps the pipes open.
    child.on("exit", (code) =>
      setTimeout(() => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }), 50),
    );
  });
}

/** The last lines of a text, for the `why` of an error. */
export function lastLines(text: string, count = 12): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
