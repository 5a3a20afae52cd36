import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { allKeys, type KeyMeta, keysOf, metaOf, readConfig } from "../../modules/config/index.ts";
import { platformSchema } from "../../modules/platform/index.ts";
import { referenceFiles } from "../../modules/reference/index.ts";
import { siteSchema } from "../../modules/site/index.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const documents = [
  { name: "platform", schema: platformSchema },
  { name: "site", schema: siteSchema },
] as const;
const keys = documents.flatMap(({ name, schema }) =>
  [...allKeys(schema)].map(([path, key]) => ({ name: `${name}: ${path.join(".")}`, key, meta: metaOf(key) })),
);

test.each(Object.entries(referenceFiles()))("%s is what the schema says today", (path, text) => {
  const file = join(root, path);
  if (process.env.UPDATE === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(readFileSync(file, "utf8")).toBe(text);
});

test.each(keys)("$name has a description, an example, and says what its absence means", ({ key, meta }) => {
  expect(meta.description).toMatch(/^.{10,}[.]$/s);
  expect(meta.examples?.length).toBeGreaterThan(0);
  const said = (["default", "absent"] satisfies (keyof KeyMeta)[]).filter((word) => meta[word] !== undefined);
  expect(said.length).toBe(key.isOptional() ? 1 : 0);
});

test.each(keys)("every example and the default of $name are valid", ({ key, meta }) => {
  for (const example of meta.examples ?? []) expect(key.safeParse(example)).toMatchObject({ success: true });
  if (meta.default !== undefined) expect(key.safeParse(meta.default)).toMatchObject({ success: true });
});

function configOf(name: "platform" | "site", typed: Record<string, unknown>) {
  const base = { platform: "honghe", domain: "honghe.localhost" };
  const file = (path: string, value: unknown) => ({ path, bytes: Buffer.from(stringify(value)) });
  const portal = { title: "Portal", kind: "portal", domains: ["www"], serve: { static: "site-content/www" } };
  return readConfig(
    {
      platform: file("platform.yaml", name === "platform" ? { ...base, ...typed } : base),
      overlays: [],
      sites: [file("site-configs/www.yaml", portal), ...(name === "site" ? [file("site-configs/it.yaml", typed)] : [])],
    },
    { kindOf: (path) => (/\.html$|Dockerfile$/.test(path) ? "file" : "folder"), date: "2026-10-01" },
  );
}

const leastSite = { title: "It", kind: "service", domains: ["it"], serve: { static: "site-content/it" } };
const topLevel = documents.flatMap(({ name, schema }) =>
  keysOf(schema).flatMap(([key, inner]) =>
    (metaOf(inner).examples ?? []).map((example) => ({ name, key, example, text: JSON.stringify(example) })),
  ),
);

test.each(topLevel)("$name: $key: $text stands in a file without an error", ({ name, key, example }) => {
  const { problems } = configOf(name, { ...(name === "site" ? leastSite : {}), [key]: example });
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
});

test("a default that is written out is the one that an absent key resolves to", () => {
  for (const { name, schema } of documents) {
    const written: Record<string, unknown> = name === "site" ? { ...leastSite } : {};
    for (const [key, inner] of keysOf(schema)) {
      const { default: value } = metaOf(inner);
      if (value !== undefined) written[key] = value;
      // Keys of a map that is itself optional have defaults of their own.
      const parts = keysOf(inner).flatMap(([part, deep]) => {
        const { default: deepValue } = metaOf(deep);
        return deepValue === undefined ? [] : [[part, deepValue] as const];
      });
      if (parts.length > 0 && key !== "retire" && key !== "serve") written[key] = Object.fromEntries(parts);
    }
    const absent = configOf(name, name === "site" ? leastSite : {});
    const full = configOf(name, written);
    expect(full).toEqual(absent);
  }
});
