import { builtinModules } from "node:module";
import { expect, test } from "vitest";
import { filesBelow, type Import, importsOf, textOf } from "../support/sources.ts";

const LAYERS = ["scripts", "stacks", "modules"];
const files = LAYERS.flatMap((layer) => filesBelow(layer, (path) => path.endsWith(".ts")));
const imports = files.flatMap(importsOf);

/** The modules that may touch a daemon, a file, the network or the clock: the table in docs/structure.md. */
const table = /^\| module \| acts on \|\n((?:\|.*\n)+)/m.exec(textOf("docs/structure.md"))?.[1] ?? "";
const acting = new Set([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]));

/** What touches the world outside of this process. Of Node's own modules, these compute only. */
const PURE = new Set([
  "buffer",
  "crypto",
  "path",
  "url",
  "util",
  "zlib",
  "querystring",
  "punycode",
  "string_decoder",
  "assert",
  "events",
]);
const CLIENTS = ["dockerode", "docker-modem", "zx", "undici", "tar-fs"];
const CLOCK = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bsetTimeout\(|\bsetInterval\(|\bfetch\(/;

const at = (each: Import) => `${each.from}:${each.line} imports ${each.to}`;
const layerOf = (path: string) => path.split("/")[0] ?? "";
const moduleOf = (path: string) => path.split("/")[1] ?? "";
const isActing = (path: string) => layerOf(path) !== "modules" || acting.has(moduleOf(path));

test("docs/structure.md names the modules that act", () => {
  expect([...acting].sort()).toEqual(["docker", "engine", "host", "nodes", "probe", "ssh", "terraform", "workspace"]);
});

test("imports run downward: scripts, stacks, modules", () => {
  const upward = imports.filter((each) => {
    const target = LAYERS.indexOf(layerOf(each.to));
    return target >= 0 && target < LAYERS.indexOf(layerOf(each.from));
  });
  expect(upward.map(at)).toEqual([]);
});

test("nothing of the program imports a test or a build's result", () => {
  expect(imports.filter((each) => /^(tests|dist)\//.test(each.to)).map(at)).toEqual([]);
});

test("only the modules that act import a client, a file, the network or a process", () => {
  const touches = ({ to, typeOnly }: Import) => {
    const name = to.replace(/^node:/, "");
    const builtin = builtinModules.includes(name) && !PURE.has(name.split("/")[0] ?? "");
    return !typeOnly && (builtin || CLIENTS.includes(to));
  };
  expect(imports.filter((each) => !isActing(each.from) && touches(each)).map(at)).toEqual([]);
});

test("only the modules that act look at the clock, wait, or fetch", () => {
  const found = files
    .filter((path) => !isActing(path))
    .flatMap((path) => {
      const lines = textOf(path).split("\n");
      return lines.flatMap((line, index) =>
        CLOCK.test(line.replace(/\/\/.*|^\s*\*.*/, "")) ? [`${path}:${index + 1} ${line.trim()}`] : [],
      );
    });
  expect(found).toEqual([]);
});

test("no file needs itself in a circle to be loaded", () => {
  const graph = new Map<string, string[]>(files.map((path) => [path, []]));
  for (const { from, to, typeOnly, lazy } of imports)
    if (!typeOnly && !lazy && graph.has(to)) graph.get(from)?.push(to);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) circles.push([...trail.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of files) visit(path, []);
  expect(circles).toEqual([]);
});
