import { canonicalJson, shortHash } from "../core/hash.ts";
import { LABEL } from "../core/labels.ts";
import type { Json } from "./model.ts";

/** What the daemon adds to every specification by itself, on any version. */
const DAEMON_DEFAULTS: Record<string, unknown> = { Isolation: "default", Runtime: "container" };

/** Ids are looked up anew by each apply; the names beside them say the same. */
const IDS = new Set(["SecretID", "ConfigID"]);

/**
 * The normal form of an API object: without empty values (the daemon drops or adds them as it likes), without the daemon's own
 * defaults and without ids, so that what was written and what is read back are equal when nothing was changed.
 */
export function normalForm(value: Json): Json {
  return (reduce(value) ?? {}) as Json;
}

function reduce(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(reduce).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (value === null || value === "" || value === 0 || value === false || value === undefined) return undefined;
  if (typeof value !== "object") return value;
  let kept: Record<string, unknown> | undefined;
  for (const [key, each] of Object.entries(value)) {
    if (IDS.has(key) || DAEMON_DEFAULTS[key] === each) continue;
    const reduced = reduce(each);
    if (reduced === undefined) continue;
    kept ??= {};
    kept[key] = reduced;
  }
  return kept;
}

/** The hash of a specification in normal form, leaving out the label that holds the hash. */
export function specHash(spec: Json): string {
  const labels = { ...(spec.Labels as Record<string, string> | undefined) };
  delete labels[LABEL.hash];
  return shortHash(canonicalJson(normalForm({ ...spec, Labels: labels })));
}

/** A copy of the specification with its hash as a label. */
export function withHash(spec: Json): { spec: Json; hash: string } {
  const hash = specHash(spec);
  return { hash, spec: { ...spec, Labels: { ...(spec.Labels as object), [LABEL.hash]: hash } } };
}
