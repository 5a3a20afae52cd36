import { z } from "zod";
import type { Path } from "./types.ts";

/** The schema within wrappers that only say that a value may be absent or null. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable) inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** The map within a schema, where it is one; of a union the first that is. */
export function mapOf(schema: z.ZodType): z.ZodObject | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return inner;
  if (!(inner instanceof z.ZodUnion)) return undefined;
  return (inner.options as z.ZodType[]).map(mapOf).find((option) => option !== undefined);
}

/** Keys that a map may have; none for anything else. */
export function keysOf(schema: z.ZodType): [string, z.ZodType][] {
  return Object.entries(mapOf(schema)?.shape ?? {}) as [string, z.ZodType][];
}

/** What a list holds, where the schema is one. */
export function elementOf(schema: z.ZodType): z.ZodType | undefined {
  const inner = unwrap(schema);
  return inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
}

/** The schema of the value at a path; `undefined` where no key leads there. */
export function schemaAt(root: z.ZodType, path: Path): z.ZodType | undefined {
  let schema: z.ZodType | undefined = root;
  for (const part of path) {
    if (schema === undefined) return undefined;
    const inner: z.ZodType = unwrap(schema);
    if (inner instanceof z.ZodRecord) schema = inner.valueType as z.ZodType;
    else if (typeof part === "number") schema = elementOf(inner);
    else schema = keysOf(inner).find(([key]) => key === part)?.[1];
  }
  return schema;
}

/** Every key of a schema with its path, depth first; entries of a list stand under `*`. */
export function* allKeys(schema: z.ZodType, above: readonly string[] = []): Generator<[readonly string[], z.ZodType]> {
  for (const [key, inner] of keysOf(schema)) {
    const path = [...above, key];
    yield [path, inner];
    const element = elementOf(inner);
    if (element === undefined) yield* allKeys(inner, path);
    else yield* allKeys(element, [...path, "*"]);
  }
}

/** What {@link z.ZodType.meta} holds, on the schema or within its wrappers. */
export interface KeyMeta {
  description?: string;
  examples?: unknown[];
  /** The value that stands for an absent key. */
  default?: unknown;
  /** What happens where the key is absent and no one value says it. */
  absent?: string;
}

export function metaOf(schema: z.ZodType): KeyMeta {
  return (schema.meta() ?? unwrap(schema).meta() ?? {}) as KeyMeta;
}
