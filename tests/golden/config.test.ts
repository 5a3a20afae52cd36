import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ConfigFiles, type Facts, readConfig } from "../../modules/config/index.ts";
import { formatProblem } from "../../modules/core/problem.ts";
import { describeSite } from "../../modules/site/index.ts";

/*
 * A golden file is a workspace and what must come of it. Sections begin with a line:
 *   `--- PATH`, `--- PATH (hex)`, `--- PATH (times N)`, `--- PATH (absent)`   a file; `base.txt` holds those that are always there
 *   `=== problems`, `=== platform KEY...`, `=== site NAME KEY...`, `=== describe NAME DATE`   the exact text expected
 * `UPDATE=1` rewrites what is expected.
 */
const FOLDER = new URL("config/", import.meta.url);
const DATE = "2026-10-01";

interface Section {
  head: string;
  body: string;
}

function sections(text: string): Section[] {
  const parts = text.split(/^(--- .*|=== .*)\n/m).slice(1);
  return parts.flatMap((head, index) => (index % 2 === 0 ? [{ head, body: parts[index + 1] ?? "" }] : []));
}

function workspace(parts: Section[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { head, body } of parts.filter((part) => part.head.startsWith("--- "))) {
    const [, path = "", how = "", times] = /^--- (\S+)(?: \((\w+)(?: (\d+))?\))?$/.exec(head) ?? [];
    if (how === "absent") files.delete(path);
    else if (how === "hex") files.set(path, Buffer.from(body.replace(/#.*$|\s/gm, ""), "hex"));
    else files.set(path, Buffer.from(body.repeat(Number(times ?? 1))));
  }
  return files;
}

function inputs(files: Map<string, Uint8Array>): { config: ConfigFiles; facts: Facts } {
  const all = [...files].map(([path, bytes]) => ({ path, bytes }));
  const kindOf = (path: string) => {
    if (files.has(path)) return "file";
    return [...files.keys()].some((file) => file.startsWith(`${path}/`)) ? "folder" : undefined;
  };
  const memory = all.find(({ path }) => path === "pool-memory");
  const poolMemory = memory && Number(Buffer.from(memory.bytes).toString());
  return {
    config: {
      platform: all.find(({ path }) => path === "platform.yaml"),
      overlays: all.filter(({ path }) => /^platform\..+\.yaml$/.test(path)),
      sites: all.filter(({ path }) => path.startsWith("site-configs/")),
    },
    facts: { kindOf, date: DATE, poolMemory },
  };
}

function actual(head: string, parts: Section[]): string {
  const { config, facts } = inputs(workspace(parts));
  const { platform, sites, problems } = readConfig(config, facts);
  const [, what, ...words] = head.split(" ");
  if (what === "problems") {
    return problems.map((p) => `${p.severity === "warning" ? "warning " : ""}${formatProblem(p)} [${p.rule}]\n`).join("");
  }
  if (what === "platform") return lines(platform, words);
  const site = sites.find(({ name }) => name === words[0]);
  if (site === undefined) return "(not among the good sites)\n";
  if (what === "site") return lines(site, words.slice(1));
  const { service, routes } = describeSite(site, { date: words[1] ?? DATE, upstream: `honghe-site-${site.name}_web` });
  return `${lines(service, Object.keys(service))}${lines(routes, Object.keys(routes))}`;
}

function lines(value: object | undefined, keys: string[]): string {
  const record = (value ?? {}) as Record<string, unknown>;
  return keys.map((key) => `${key}: ${JSON.stringify(record[key])}\n`).join("");
}

const base = sections(readFileSync(new URL("base.txt", FOLDER), "utf8"));
const cases = readdirSync(FOLDER).filter((name) => name.endsWith(".golden"));

test.each(cases)("%s", (name) => {
  const own = sections(readFileSync(new URL(name, FOLDER), "utf8"));
  const results = own.map(({ head, body }) => ({
    head,
    body: head.startsWith("=== ") ? actual(head, [...base, ...own]) : body,
  }));
  expect(results.map(({ head }) => head)).toContain("=== problems");
  if (process.env.UPDATE === "1") {
    writeFileSync(new URL(name, FOLDER), results.map(({ head, body }) => `${head}\n${body}`).join(""));
  } else expect(results).toEqual(own);
});
