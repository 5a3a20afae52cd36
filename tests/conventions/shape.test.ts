import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, ROOT, textOf } from "../support/sources.ts";

const LIMIT = 400;
const AIM = 200;
const sources = ["scripts", "stacks", "modules", "tests"].flatMap((folder) =>
  filesBelow(folder, (path) => /\.(ts|mjs)$/.test(path)),
);
const lengths = sources.map((path) => ({ path, lines: textOf(path).split("\n").length - 1 }));

test(`no source file has more than ${LIMIT} lines`, () => {
  expect(lengths.filter(({ lines }) => lines > LIMIT).map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual([]);
});

test(`few source files have more than ${AIM} lines`, ({ annotate }) => {
  const long = lengths.filter(({ lines }) => lines > AIM);
  for (const { path, lines } of long) annotate(`${path} has ${lines} lines; aim at ${AIM}`, "warning");
  expect(long.length / lengths.length).toBeLessThan(0.1);
});

test("source files and their folders are named in lower case with hyphens", () => {
  const name = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.(test|gen|d))?\.(ts|mjs)$/;
  expect(sources.filter((path) => !name.test(path))).toEqual([]);
});

test("each module has one way in, its index.ts; core is imported by file", () => {
  const modules = new Set(
    filesBelow("modules", (path) => path.endsWith(".ts")).map((path) => path.split("/")[1] ?? ""),
  );
  expect([...modules].filter((name) => name.endsWith(".ts"))).toEqual([]);
  const without = [...modules].filter((name) => !existsSync(join(ROOT, "modules", name, "index.ts")));
  expect(without).toEqual(["core"]);
});

test("relative imports name the file with its ending", () => {
  const bad = sources
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [...textOf(path).matchAll(/^(?:import|export)\b[^"\n]*"(\.[^"]*)"/gm)].map((match) => `${path}: ${match[1]}`),
    )
    .filter((each) => !/\.(ts|mjs|json)$/.test(each));
  expect(bad).toEqual([]);
});
