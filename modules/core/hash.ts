import { createHash, scryptSync } from "node:crypto";

/** JSON with sorted keys and without `undefined`: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object" || "toJSON" in value) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

/** The first 12 hex digits of the SHA-256: enough to tell contents apart, short enough for a name. */
export function shortHash(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 12);
}

/**
 * A hash that may stand in the name of a secret. Names are readable by many, and passwords are guessable, so each guess is made to
 * cost about 50 ms; `salt` keeps equal values of two sites apart.
 */
export function secretHash(salt: string, value: string): string {
  return scryptSync(value, `terrace:${salt}`, 6, { N: 16384, r: 8, p: 1 }).toString("hex");
}
