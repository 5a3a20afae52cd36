import { expect, test } from "vitest";
import { filesBelow, textOf } from "../support/sources.ts";

const PAGE = "docs/errors.md";
const sources = ["modules", "stacks", "scripts"].flatMap((folder) =>
  filesBelow(folder, (path) => path.endsWith(".ts")),
);
const texts = sources.map((path) => ({ path, text: textOf(path) }));

/** Codes stand in the sources as constants: an error that passes another one's code on makes no new one. */
const made = [...new Set(texts.flatMap(({ text }) => text.match(/"TERRACE_[A-Z_]+"/g) ?? []))]
  .map((literal) => literal.slice(1, -1))
  .sort();
const rows = [...textOf(PAGE).matchAll(/^\| `(TERRACE_[A-Z_]+)` \| (.*) \| (.*) \|$/gm)].map(
  ([, code = "", meaning = "", action = ""]) => ({ code, meaning, action }),
);

test("every error code is on the page, once and in order", () => {
  expect(rows.map(({ code }) => code)).toEqual(made);
});

test("each row says in sentences what the code means and what to do", () => {
  const poor = rows.filter(({ meaning, action }) => ![meaning, action].every((text) => /^\S.{7,}[.?]$/.test(text)));
  expect(poor).toEqual([]);
});

test("every code is a constant with the prefix, so that this page can find it", () => {
  const strange = texts.flatMap(({ path, text }) => {
    const wrong = [...text.matchAll(/\bnew TerraceError\(\s*(?!"TERRACE_[A-Z]+(?:_[A-Z]+)*"|code,)(\S+)/g)];
    return wrong.map((match) => `${path}: ${match[1]}`);
  });
  expect(strange).toEqual([]);
});
