import { expect, test } from "vitest";
import { generatedFiles } from "../../scripts/cli/reference.ts";
import { textOf } from "../support/sources.ts";

test.each(Object.entries(generatedFiles()))("%s is what `terrace docs` writes", (path, text) => {
  expect(textOf(path)).toBe(text);
});
