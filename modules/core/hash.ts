import { createHash, scryptSync } from "node:crypto";

/** JSON with sorted keys and without `undefined`: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  return written(value) ?? "null";
}

/** Text at once, without a sorted copy of the data: a plan of a thousand sites writes a million values. */
function written(value: unknown): string | undefined {
  if (value === null || typeof value !== "object" || "toJSON" in value) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => written(each) ?? "null").join(",")}]`;
  let members = "";
  for (const key of Object.keys(value).sort()) {
    const member = written((value as Record<string, unknown>)[key]);
    if (member !== undefined) members += `${members === "" ? "" : ","}${JSON.stringify(key)}:${member}`;
  }
  return `{${members}}`;
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
