import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { rules } from "../../modules/config/rules.ts";

const folder = new URL("../golden/config/", import.meta.url);
const golden = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));

test("names of rules are unique", () => {
  const names = rules.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(rules.map(({ name }) => name))("rule %s has a golden file in which it refuses something", (name) => {
  expect(golden.some((text) => text.includes(` [${name}]\n`))).toBe(true);
});

test.each(
  "anchor bad-key bad-value control-character directive duplicate-key empty-file file-name missing-file missing-key not-a-map not-utf8 several-documents tab too-deep too-large unknown-key wrong-type yaml-syntax".split(
    " ",
  ),
)("%s has a golden file in which it refuses something", (name) => {
  expect(golden.some((text) => text.includes(` [${name}]\n`))).toBe(true);
});
