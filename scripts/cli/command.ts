import type { ExitCode } from "../../modules/core/errors.ts";

/** A command, written as a record: its help and its page in the reference are made from it. */
export interface Command {
  name: string;
  /** One line, starting with a verb. */
  summary: string;
  /** What the line cannot say: what is written, what is refused. */
  details?: string;
  arguments?: Argument[];
  options?: Option[];
  /** At least one. */
  examples: { line: string; says: string }[];
  /** Commands below this one: `terrace secret` has `set`, `list`, ... Their names are single words; each is a whole record. */
  subcommands?: Command[];
  /** Parses, calls, prints; decides nothing. Returns the exit code. May be absent where there are subcommands: then one must be named. */
  run?(input: Input): Promise<ExitCode>;
}

/** Every command that can be typed, subcommands after their parent, with its whole name (`secret set`). */
export function allCommands(commands: readonly Command[], above = ""): [name: string, command: Command][] {
  return commands.flatMap((command) => {
    const name = `${above}${command.name}`;
    return [[name, command] as [string, Command], ...allCommands(command.subcommands ?? [], `${name} `)];
  });
}

export interface Argument {
  /** `site`, or `sites...` for any number. */
  name: string;
  required: boolean;
  says: string;
}

export interface Option {
  /** As commander takes it: `--as-of <date>`. */
  flags: string;
  says: string;
}

export interface Input {
  arguments: string[];
  options: Record<string, string | boolean | undefined>;
}

/** Options that more than one command has. */
export const OPTION = {
  env: { flags: "--env <name>", says: "lay platform.NAME.yaml over platform.yaml" },
  asOf: { flags: "--as-of <date>", says: "plan for another day than today (YYYY-MM-DD)" },
  json: { flags: "--json", says: "print one JSON document to standard output" },
  yes: { flags: "--yes", says: "do not ask; required where there is no terminal" },
  wait: {
    flags: "--wait [limit]",
    says: "wait for whoever is changing the same, at most for a time like 5m; without a limit, and by itself, as long as it takes",
  },
  fromCopy: { flags: "--from-copy", says: "read the backups at the second place (`backup.copy`)" },
  noWait: { flags: "--no-wait", says: "give up at once where somebody else is changing the same" },
} satisfies Record<string, Option>;

/** An option that takes a value. */
export function text(input: Input, name: string): string | undefined {
  const value = input.options[name];
  return typeof value === "string" ? value : undefined;
}

/** An option that is there or not. */
export function flag(input: Input, name: string): boolean {
  return input.options[name] === true;
}

/** Whether an argument names a file with a plan: site names have neither dots nor slashes. */
export function isPlanFile(argument: string): boolean {
  return /[./]/.test(argument);
}
