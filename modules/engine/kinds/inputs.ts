import { z } from "zod";
import type { Resource } from "../evaluate.ts";

/**
 * Reads a resource's inputs by a strict schema: what the engine does not carry out is an error that names it, never ignored.
 * The schema is the list of what is supported.
 */
export function readInputs<T>(resource: Resource, schema: z.ZodType<T>): T {
  const result = schema.safeParse(resource.inputs);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const path = issue.path.join(".");
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => [path, key].filter(Boolean).join(".")).join(", ");
    return `${path}: ${issue.message}`;
  });
  throw new Error(`${resource.type} "${resource.name}": the embedded engine does not support ${faults.join("; ")}`);
}

/** The provider's list form of labels, as the map that the API takes. */
export const labelList = z
  .array(z.strictObject({ label: z.string(), value: z.string() }))
  .default([])
  .transform((labels) => Object.fromEntries(labels.map(({ label, value }) => [label, value])));

const UNITS: Record<string, number> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A Go duration like `1m30s`, as the nanoseconds that the API takes. */
export const goDuration = z
  .string()
  .regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/)
  .transform((text) => {
    let total = 0;
    for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
      total += Number(amount) * (UNITS[unit ?? ""] ?? 0);
    return Math.round(total);
  });
