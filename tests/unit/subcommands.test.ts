import { expect, test } from "vitest";
import { allCommands, type Command, type Input } from "../../scripts/cli/command.ts";
import { makeProgram } from "../../scripts/cli/program.ts";

let seen: [string, Input] | undefined;

function record(name: string, more: Partial<Command> = {}): Command {
  const run = async (input: Input) => {
    seen = [name, input];
    return 0 as const;
  };
  return { name, summary: "Do it", examples: [{ line: `terrace ${name}`, says: "do it" }], run, ...more };
}

const json = { flags: "--json", says: "as JSON" };
const sites = { name: "sites...", required: false, says: "sites" };
const backup = record("backup", {
  arguments: [sites],
  options: [json],
  subcommands: [record("prove", { arguments: [{ name: "site", required: true, says: "a site" }], options: [json] })],
});
const secret = record("secret", { run: undefined, subcommands: [record("set")] });

async function typed(...args: string[]): Promise<[string, Input] | undefined> {
  seen = undefined;
  await makeProgram([backup, secret])
    .configureOutput({ writeErr() {} })
    .parseAsync(args, { from: "user" });
  return seen;
}

test("a command with subcommands runs itself where none is named", async () => {
  expect(await typed("backup")).toEqual(["backup", { arguments: [], options: {} }]);
  expect(await typed("backup", "finance", "--json")).toEqual([
    "backup",
    { arguments: ["finance"], options: { json: true } },
  ]);
});

test("a subcommand gets its arguments, and options that its parent has too", async () => {
  expect(await typed("backup", "prove", "finance", "--json")).toEqual([
    "prove",
    { arguments: ["finance"], options: { json: true } },
  ]);
  expect(await typed("secret", "set")).toEqual(["set", { arguments: [], options: {} }]);
});

test("a command that only has subcommands wants one named", async () => {
  await expect(typed("secret")).rejects.toMatchObject({ code: "commander.help", exitCode: 1 });
  await expect(typed("secret", "sett")).rejects.toMatchObject({ code: "commander.unknownCommand" });
});

test("a record that does nothing is refused at the start", () => {
  expect(() => makeProgram([record("nothing", { run: undefined })])).toThrow("the command nothing does nothing");
});

test("all commands, with their whole names", () => {
  expect(allCommands([backup, secret]).map(([name]) => name)).toEqual([
    "backup",
    "backup prove",
    "secret",
    "secret set",
  ]);
});
