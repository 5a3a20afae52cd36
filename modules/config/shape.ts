import { closest, distance } from "fastest-levenshtein";
import type { z } from "zod";
import { isDate } from "../units/index.ts";
import { hasPath, valueAt } from "./path.ts";
import type { Finding, Path } from "./types.ts";
import { allKeys, keysOf, metaOf, schemaAt } from "./walk.ts";

type Issue = z.core.$ZodIssue;

/** All that is wrong with the shape of one file, each as a sentence; empty where the schema accepts it. */
export function shapeFindings(schema: z.ZodType, value: unknown): Finding[] {
  const result = schema.safeParse(value, { error: defaultSentence });
  if (result.success) return [];
  const issues = result.error.issues.flatMap((issue) => flatten(issue, [], value));
  const misnamed = new Set(
    issues.filter(({ code }) => code === "unrecognized_keys").map(({ path }) => path.join("\0")),
  );
  return issues
    .filter((issue) => issue.code !== "custom" || !misnamed.has(issue.path.join("\0")))
    .flatMap((issue) => findingsOf(issue, schema, value));
}

/** Of a union, what the branch says that the value was meant for. */
function flatten(issue: Issue, above: Path, value: unknown): Issue[] {
  const path = [...above, ...issue.path] as PropertyKey[];
  if (issue.code === "invalid_union") {
    const branch = issue.errors.find(
      (errors) =>
        errors.length > 0 && !errors.some(({ path: at, code }) => at.length === 0 && code.startsWith("invalid_")),
    );
    if (branch !== undefined) return branch.flatMap((inner) => flatten(inner, path as Path, value));
  }
  return [{ ...issue, path } as Issue];
}

function findingsOf(issue: Issue, schema: z.ZodType, value: unknown): Finding[] {
  const path = issue.path as Path;
  const finding = { severity: "error", path, at: "value" } as const;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      ...finding,
      rule: "unknown-key",
      path: [...path, key],
      at: "key",
      message: unknownKey(schema, path, key),
    }));
  }
  if (issue.code === "invalid_key") {
    return [{ ...finding, rule: "bad-key", at: "key", message: issue.issues[0]?.message ?? issue.message }];
  }
  if (issue.code !== "custom" && !hasPath(value, path)) {
    return [{ ...finding, rule: "missing-key", message: `is required${exampleOf(schema, path)}` }];
  }
  const rule = issue.code === "invalid_type" || issue.code === "invalid_union" ? "wrong-type" : "bad-value";
  return [{ ...finding, rule, message: withGot(issue.message, valueAt(value, path), path) }];
}

/** The sentence for what no schema words itself. */
const defaultSentence: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === "invalid_type") return typeSentence(String(issue.expected), issue.input);
  if (issue.code === "invalid_value") {
    const values = issue.values.map(String);
    const near = typeof issue.input === "string" ? nearest(issue.input, values) : undefined;
    const list = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(", ")}`;
    return near === undefined ? list : `${list} (did you mean ${near}?)`;
  }
  if (issue.code === "too_small") return `must ${measure(issue.origin)} at least ${issue.minimum}`;
  if (issue.code === "too_big") return `must ${measure(issue.origin)} at most ${issue.maximum}`;
  return "must have another form";
};

function typeSentence(expected: string, input: unknown): string {
  if (expected === "string") return typeof input === "object" ? "must be text" : "must be text: put it in quotes";
  if (expected === "number") return "must be a number";
  if (expected === "int") return "must be a whole number";
  if (expected === "boolean") return "must be true or false";
  if (expected === "array") return "must be a list";
  return "must be a map of keys and values";
}

function measure(origin: string): string {
  if (origin === "string") return "have a length of";
  return origin === "array" ? "have a number of entries of" : "be";
}

function unknownKey(schema: z.ZodType, path: Path, key: string): string {
  const here = schemaAt(schema, path);
  const known = here === undefined ? [] : keysOf(here).map(([name]) => name);
  const near = nearest(key, known);
  if (near !== undefined) return `is not a key: did you mean ${near}?`;
  const places = [...allKeys(schema)].map(([at]) => at).filter((at) => at.at(-1) === key);
  const elsewhere = places.toSorted((a, b) => a.length - b.length)[0];
  if (elsewhere !== undefined)
    return `is not a key here: it belongs under ${elsewhere.slice(0, -1).join(".") || "the top"}`;
  return `is not a key: known are ${known.join(", ")}`;
}

/** A name so near that the other was meant; `undefined` where none is. */
function nearest(text: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const lower = text.toLowerCase();
  const near = closest(lower, [...names]);
  return distance(lower, near.toLowerCase()) <= Math.max(1, Math.floor(near.length / 3)) ? near : undefined;
}

function exampleOf(schema: z.ZodType, path: Path): string {
  const key = path.at(-1);
  const found = schemaAt(schema, path);
  const example = found && metaOf(found).examples?.[0];
  return example === undefined ? "" : `, like \`${key}: ${flow(example)}\``;
}

/** A value on one line of YAML, for messages. */
export function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${flow(inner)}`);
    return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
  }
  if (typeof value !== "string") return String(value);
  const wordy = /^[\p{L}/][\p{L}\p{N} ._/:*-]*$/u.test(value) && !/: |[: ]$/.test(value);
  const special = /^(?:true|false|null|none|yes|no|on|off)$/i.test(value);
  const measured = /^[0-9][\w.:/-]*$/.test(value) && (isDate(value) || !/^(?:[0-9.eE+_-]+|0[xo].*)$/.test(value));
  return (wordy && !special) || measured ? value : JSON.stringify(value);
}

function withGot(sentence: string, value: unknown, path: Path): string {
  if (sentence.startsWith("is ")) return sentence;
  const got = gotText(value, path, sentence);
  return got === "" ? sentence : `${sentence}, got ${got}`;
}

/** Never the value of an environment variable, never a password in a URL: either may be secret. */
function gotText(value: unknown, path: Path, sentence: string): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") {
    const keys = Object.keys(value).filter((key) => sentence.split(/\W+/).includes(key));
    if (!sentence.startsWith("must have")) return "a map";
    return keys.length === 0 ? "none" : keys.join(" and ");
  }
  if (path.includes("env")) return `a ${typeof value === "string" ? "text" : typeof value}`;
  if (typeof value !== "string") return String(value);
  const text = value.replace(/\/\/[^/@\s]*@/g, "//***@");
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
