import { execFile } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { allCommands } from "../../scripts/cli/command.ts";
import { commands } from "../../scripts/commands.ts";
import { ROOT } from "../support/sources.ts";

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function terrace(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, "scripts/terrace.mjs"), ...args], { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

// The first run may have to build.
beforeAll(() => terrace("--help"), 60_000);

const all = allCommands(commands);

describe.each(all)("terrace %s", (name, command) => {
  test("is a complete record", () => {
    expect(name).toMatch(/^[a-z]+( [a-z]+){0,2}$/);
    expect(command.run !== undefined || command.subcommands !== undefined).toBe(true);
    expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const { line, says } of command.examples) {
      expect(line).toMatch(/^(sudo )?(npx )?terrace |^npm /);
      expect(says).not.toBe("");
    }
    for (const { flags, says } of command.options ?? []) {
      expect(flags).toMatch(/^(-[a-z], )?--[a-z-]+( [<[][a-z]+[>\]])?$/);
      expect(says).not.toBe("");
    }
    for (const argument of command.arguments ?? []) expect(argument.says).not.toBe("");
  });

  test("has help that says all of it", async () => {
    const { code, stdout } = await terrace(...name.split(" "), "--help");
    expect(code).toBe(0);
    const plain = stdout.replace(/\s+/g, " ");
    expect(plain).toContain(command.summary);
    for (const { flags, says } of command.options ?? []) {
      expect(plain).toContain(flags);
      expect(plain).toContain(says);
    }
    for (const { line, says } of command.examples) {
      expect(stdout).toContain(line);
      expect(stdout).toContain(says);
    }
  });

  test("refuses an option that it does not have", async () => {
    const { code, stderr } = await terrace(...name.split(" "), "--no-such-option");
    expect(code).toBe(2);
    expect(stderr).toContain("unknown option '--no-such-option'");
  });
});

test("names are unique", () => {
  expect(new Set(all.map(([name]) => name)).size).toBe(all.length);
});

test("the help names every command", async () => {
  const { code, stdout } = await terrace("--help");
  expect(code).toBe(0);
  const lines = stdout.replace(/\n {10,}/g, " ").split("\n");
  for (const { name, summary } of commands) {
    const line = lines.find((each) => each.startsWith(`  ${name} `));
    expect(line).toContain(summary);
  }
});

test("a command that does not exist is bad usage, with the nearest name", async () => {
  const { code, stderr } = await terrace("plann");
  expect(code).toBe(2);
  expect(stderr).toContain("unknown command 'plann'");
  expect(stderr).toContain("Did you mean plan?");
});

test("no command at all is bad usage, with the help", async () => {
  const { code, stdout, stderr } = await terrace();
  expect(code).toBe(2);
  expect(stdout + stderr).toContain("Usage: terrace");
});
