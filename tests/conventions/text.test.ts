import { homedir } from "node:os";
import { expect, test } from "vitest";
import { filesBelow, ROOT, textOf } from "../support/sources.ts";

const SELF = "tests/conventions/text.test.ts";
const TEXT = /\.(ts|mjs|js|md|ya?ml|json|html|css|txt|sh|conf)$|Dockerfile$|^\.ci\//;
const files = filesBelow("", (path) => TEXT.test(path) && path !== SELF && path !== "package-lock.json");

/** `file:line text` for each line that matches. */
function lines(pattern: RegExp): string[] {
  return files.flatMap((path) =>
    textOf(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim().slice(0, 120)}`] : [])),
  );
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

test("no path of one person's or one machine's own folders", () => {
  const places = [ROOT, ...(homedir().split("/").length > 2 ? [homedir()] : [])].map(
    (path) => `${escaped(path)}(?![\\w-])`,
  );
  expect(lines(new RegExp(`${places.join("|")}|/work/\\w|/Users/\\w|/home/\\w+/|C:\\\\Users`))).toEqual([]);
});

test("nothing left for later in the text", () => {
  expect(lines(/\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
});

test("no focused or switched-off test", () => {
  expect(lines(/^\s*(test|describe|it)\.(only|skip|todo)\(/)).toEqual([]);
});

test("the lock file lists every platform's package, also those that are not for this machine", () => {
  interface Lock {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  }
  // `npm ci` refuses a lock file that leaves one out, and npm leaves out what the registry of that moment did not have.
  const { packages } = JSON.parse(textOf("package-lock.json")) as Lock;
  const places = Object.keys(packages);
  const wanted = Object.values(packages).flatMap((each) => Object.keys(each.optionalDependencies ?? {}));
  expect(wanted.filter((name) => !places.some((place) => place.endsWith(`node_modules/${name}`)))).toEqual([]);
});
