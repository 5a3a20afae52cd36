import { shortHash } from "../core/hash.ts";
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
  return JSON.parse(normalText(value) ?? "{}") as Json;
}

/** The canonical JSON of the normal form, at once and without a copy of the data; `undefined` for what is empty. */
function normalText(value: unknown): string | undefined {
  if (value === null || value === "" || value === 0 || value === false || value === undefined) return undefined;
  if (typeof value !== "object") return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const each of value) text = joined(text, normalText(each));
    return text === "" ? undefined : `[${text}]`;
  }
  for (const key of Object.keys(value).sort()) {
    const each = (value as Json)[key];
    if (IDS.has(key) || DAEMON_DEFAULTS[key] === each) continue;
    const kept = normalText(each);
    if (kept !== undefined) text = joined(text, `${JSON.stringify(key)}:${kept}`);
  }
  return text === "" ? undefined : `{${text}}`;
}

function joined(text: string, more: string | undefined): string {
  if (more === undefined) return text;
  return text === "" ? more : `${text},${more}`;
}

/** The hash of a specification in normal form, leaving out the label that holds the hash. */
export function specHash(spec: Json): string {
  const labels = { ...(spec.Labels as Record<string, string> | undefined) };
  delete labels[LABEL.hash];
  return shortHash(normalText({ ...spec, Labels: labels }) ?? "{}");
}

/** A copy of the specification with its hash as a label. */
export function withHash(spec: Json): { spec: Json; hash: string } {
  const hash = specHash(spec);
  return { hash, spec: { ...spec, Labels: { ...(spec.Labels as object), [LABEL.hash]: hash } } };
}
