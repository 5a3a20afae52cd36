import { z } from "zod";
import type { Concern, ResolveContext } from "./concern.ts";

/** Concerns of different keys in one list. */
export type AnyConcern = Concern<string, unknown, unknown>;

/** What a list of concerns resolves to: one property for each key. */
export type Resolved<List extends readonly { key: string; resolve(...args: never[]): unknown }[]> = {
  [C in List[number] as C["key"]]: ReturnType<C["resolve"]>;
};

/** The shape of a whole file: its concerns' keys and no others. */
export function documentSchema(concerns: readonly AnyConcern[]) {
  const shape: Record<string, z.ZodType> = {};
  for (const { key, required, schema } of concerns) {
    shape[key] = required ? schema : schema.optional();
  }
  return z.strictObject(shape);
}

/** Fills every default. Called only with what {@link documentSchema} accepted. */
export function resolveAll(
  concerns: readonly AnyConcern[],
  typed: Readonly<Record<string, unknown>>,
  about: Omit<ResolveContext, "typed">,
): Record<string, unknown> {
  const context: ResolveContext = { ...about, typed };
  const resolved: Record<string, unknown> = {};
  for (const concern of concerns) resolved[concern.key] = concern.resolve(typed[concern.key], context);
  return resolved;
}
