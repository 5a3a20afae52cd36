import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Change, type Desired, diffStack, LiveIndex } from "../../../modules/engine/index.ts";
import { desiredOfSite, liveOf } from "../../support/desired.ts";

/*
 * A golden file is one site and what it becomes. Sections begin with a line:
 *   `--- site`, and where it changes `--- site after`   the site's file; its name is `finance`
 *   `=== service PREFIX...`   the properties of the Swarm service below these paths; all where none is named
 *   `=== objects`             kinds and names of all objects
 *   `=== plan`                what takes the cluster from the first file to the second
 * `UPDATE=1` rewrites what is expected.
 */
const FOLDER = new URL("./", import.meta.url);
const DATE = "2026-10-01";

interface Section {
  head: string;
  body: string;
}

function sections(text: string): Section[] {
  const parts = text.split(/^(--- .*|=== .*)\n/m).slice(1);
  return parts.flatMap((head, index) => (index % 2 === 0 ? [{ head, body: parts[index + 1] ?? "" }] : []));
}

function leaves(value: unknown, path: string): string[] {
  if (value === null || typeof value !== "object" || Object.keys(value).length === 0) return [`${path}: ${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, path === "" ? key : `${path}.${key}`));
}

/** Hashes change with everything, and say nothing that the other lines do not. */
const HASHES = /^Labels\.terrace\.hash|Labels\.terrace\.template/;

function below(prefixes: string[], line: string): boolean {
  if (HASHES.test(line)) return false;
  return prefixes.length === 0 || prefixes.some((prefix) => line.startsWith(prefix));
}

function describe({ action, kind, name, reason, restarts, properties }: Change): string[] {
  const value = (it: unknown) => (it === undefined ? "(none)" : JSON.stringify(it));
  const head = `${action} ${kind} ${name}: ${reason}${restarts ? ", replaces tasks" : ""}`;
  if (action === "create") return [head];
  return [head, ...properties.map(({ path, before, after }) => `  ${path}: ${value(before)} -> ${value(after)}`)];
}

async function actual(head: string, before: Desired[], after: Desired[]): Promise<string> {
  const [, what, ...prefixes] = head.split(" ");
  const lines: string[] = [];
  if (what === "objects") lines.push(...before.map(({ kind, name }) => `${kind} ${name}`));
  if (what === "plan") lines.push(...diffStack("site-finance", after, new LiveIndex(liveOf(before))).flatMap(describe));
  if (what === "service") {
    const spec = before.find(({ kind }) => kind === "service")?.spec;
    lines.push(...leaves(spec ?? {}, "").filter((line) => below(prefixes, line)));
  }
  return lines.map((line) => `${line}\n`).join("");
}

const cases = readdirSync(FOLDER).filter((name) => name.endsWith(".golden"));

test.each(cases)("%s", async (name) => {
  const own = sections(readFileSync(new URL(name, FOLDER), "utf8"));
  const site = async (head: string) => {
    const found = own.find((section) => section.head === head);
    return found === undefined ? [] : desiredOfSite("finance", found.body, DATE);
  };
  const [before, after] = [await site("--- site"), await site("--- site after")];
  const results = await Promise.all(
    own.map(async ({ head, body }) => ({ head, body: head.startsWith("=== ") ? await actual(head, before, after) : body })),
  );
  if (process.env.UPDATE === "1") {
    writeFileSync(new URL(name, FOLDER), results.map(({ head, body }) => `${head}\n${body}`).join(""));
  } else expect(results).toEqual(own);
});
