import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { loadLate } from "../../modules/engine/index.ts";

test("the SDK's large packages are loaded at their first use, and not with it", () => {
  loadLate();
  const require = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
  require("@pulumi/docker");
  const loaded = (name: string) => Object.keys(require.cache).some((path) => path.includes(`/node_modules/${name}/`));
  expect(loaded("@pulumi/docker")).toBe(true);
  expect(["typescript", "pacote", "sigstore"].filter(loaded)).toEqual([]);

  const compiler = require("@pulumi/pulumi/typescript-shim.js") as typeof import("typescript");
  expect(compiler.SyntaxKind.SourceFile).toBeGreaterThan(0);
  expect(loaded("typescript")).toBe(true);
  const { Arborist } = require("@npmcli/arborist") as { Arborist: unknown };
  expect(Arborist).toBeTypeOf("function");
  expect(loaded("pacote")).toBe(true);
});
