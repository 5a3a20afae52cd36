import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLError,
} from "yaml";
import type { Problem } from "../core/problem.ts";
import { place } from "./bytes.ts";
import type { Path } from "./types.ts";

export interface ParsedYaml {
  value: Record<string, unknown> | undefined;
  problems: Problem[];
  locate(path: Path, at: "key" | "value"): { line: number; column: number };
}

interface Fault {
  rule: string;
  offset: number;
  key?: string;
  message: string;
}

/** More levels than any file has; few enough for the parser's stack. */
const MAX_DEPTH = 50;

/** The whole of YAML 1.2 less what has no use in configuration: tabs, anchors, aliases, tags, several documents. */
export function parseYaml(text: string, file: string): ParsedYaml {
  const counter = new LineCounter();
  const tabs = tabFaults(text);
  const found = tabs.length > 0 || tooDeep(text) ? undefined : documentsOf(text, counter);
  const faults = found === undefined ? (tabs.length > 0 ? tabs : [TOO_DEEP]) : documentFaults(found, text);
  const address = (offset: number) => {
    if (found === undefined) return place(text, offset);
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = faults.map(
    ({ rule, offset, key, message }): Problem => ({
      rule,
      severity: "error",
      file,
      ...address(offset),
      key: key ?? "",
      message,
    }),
  );
  const document = found?.[0];
  const good = faults.length === 0 && document !== undefined;
  return {
    value: good ? (document.toJS({ maxAliasCount: 0 }) as Record<string, unknown>) : undefined,
    problems,
    locate: (path, at) => address(good ? offsetOf(document.contents, path, at) : 0),
  };
}

const TOO_DEEP: Fault = { rule: "too-deep", offset: 0, message: `is nested deeper than ${MAX_DEPTH} levels` };

/** `undefined` where the parser's stack was not enough. */
function documentsOf(text: string, counter: LineCounter): Document.Parsed[] | undefined {
  try {
    const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, logLevel: "silent" });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function documentFaults(documents: Document.Parsed[], text: string): Fault[] {
  const [document, second] = documents;
  const root = document?.contents;
  const empty = { rule: "empty-file", offset: 0, message: "is empty: at least its required keys must be there" };
  if (document === undefined) return [empty];
  const faults = [...directiveFaults(text), ...syntaxFaults(document, text)];
  if (!faults.some(({ rule }) => rule === "yaml-syntax")) faults.push(...foreignFaults(root));
  if (second !== undefined) {
    const offset = text.indexOf("---", document.range[1]);
    faults.push({
      rule: "several-documents",
      offset: offset < 0 ? second.range[0] : offset,
      message: "begins a second document: a file holds one, so remove this line or what follows it",
    });
  }
  if (faults.length > 0) return faults;
  if (root === null || root === undefined || (isScalar(root) && root.value === null)) return [empty];
  if (isMap(root)) return [];
  return [
    { rule: "not-a-map", offset: root.range?.[0] ?? 0, message: "must hold keys and values, like `title: Finance`" },
  ];
}

/** Duplicate keys all, of the rest only the first: one slip makes a parser complain several times. */
function syntaxFaults(document: Document.Parsed, text: string): Fault[] {
  const errors = [...document.errors, ...document.warnings];
  const duplicates = errors.filter((error) => error.code === "DUPLICATE_KEY");
  const first = errors.find((error) => error.code !== "DUPLICATE_KEY");
  const duplicateFaults = duplicates.map((error) => ({
    rule: "duplicate-key",
    offset: error.pos[0],
    message: `${/^[^\s:,]*/.exec(text.slice(error.pos[0]))?.[0]} is there twice: remove one of the two`,
  }));
  return first === undefined ? duplicateFaults : [...duplicateFaults, syntaxFault(first, text)];
}

const QUOTE = "put the text in quotes";
const INDENT = "the indentation fits no key above: align it with the keys beside it";

const SENTENCES: Partial<Record<YAMLError["code"], string>> = {
  BAD_ALIAS: `a value that begins with * reads as an alias, which is not supported: ${QUOTE}`,
  BAD_DQ_ESCAPE: "this escape is not known in double quotes: use single quotes, or write \\\\ for a backslash",
  BAD_INDENT: `${INDENT}; or a } or ] above is not closed`,
  BAD_SCALAR_START: `a value cannot begin with this character: ${QUOTE}`,
  BLOCK_AS_IMPLICIT_KEY: `a second colon on the line starts a map inside a map: ${QUOTE}`,
  BLOCK_IN_FLOW: "an indented block cannot stand inside { } or [ ]",
  MISSING_CHAR: "a character is missing here: a space after a colon or comma, a quote, a comma, or a closing } or ]",
  MULTILINE_IMPLICIT_KEY: "a key must be on one line and end in a colon: is a colon missing, or a quote?",
  TAG_RESOLVE_FAILED: `tags like !name are not supported: ${QUOTE}`,
  UNEXPECTED_TOKEN: `this does not fit here: is a quote or comma missing? Else ${QUOTE}`,
};

function syntaxFault(error: YAMLError, text: string): Fault {
  const rule = "yaml-syntax";
  const offset = error.pos[0];
  if (error.code === "MISSING_CHAR" && offset >= text.trimEnd().length) {
    return { rule, offset, message: "the file ends before a \", ', } or ] that was opened is closed" };
  }
  const [line = ""] = text.slice(offset).split("\n", 1);
  if (error.code === "BLOCK_AS_IMPLICIT_KEY" && !/:(?: |$)/.test(line.trimEnd())) {
    // The text goes on in the next line, which was meant to be a key of its own.
    const next = offset + line.length + 1;
    return { rule, offset: next + text.slice(next).search(/\S|$/), message: INDENT };
  }
  return {
    rule,
    offset,
    message: SENTENCES[error.code] ?? `this is not valid YAML: is the indentation right? Else ${QUOTE}`,
  };
}

/** The first anchor, alias or tag, and keys that are no text. */
function foreignFaults(root: Node | null | undefined): Fault[] {
  const faults: Fault[] = [];
  const message = `anchors (&name) and aliases (*name) are not supported: write the value out, or ${QUOTE}`;
  visit(root as Node, {
    Node(_key, node) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node) || node.anchor !== undefined) faults.push({ rule: "anchor", offset, message });
      else if (node.tag !== undefined)
        faults.push({ rule: "tag", offset, message: `tags are not supported: ${QUOTE}` });
    },
    Pair(_key, pair) {
      const key = pair.key as Node;
      if (isScalar(key) && key.value !== "__proto__" && key.value !== null) return;
      faults.push({ rule: "bad-key", offset: key.range?.[0] ?? 0, message: "a key must be a plain word" });
    },
  });
  return faults.slice(0, 1);
}

function tabFaults(text: string): Fault[] {
  const match = /^ *\t[ \t]*(?=[^\s])/m.exec(text);
  if (match === null) return [];
  const offset = match.index + match[0].indexOf("\t");
  return [{ rule: "tab", offset, message: "is indented with a tab: use two spaces for each level" }];
}

/** `%YAML 1.1` would give the same words another meaning. */
function directiveFaults(text: string): Fault[] {
  const offset = text.search(/^%/m);
  const before = text.slice(0, Math.max(offset, 0));
  if (offset < 0 || !/^(?:\s*(?:#.*)?\n)*$/.test(before)) return [];
  return [{ rule: "directive", offset, message: "directives like %YAML are not supported: remove this line" }];
}

/** By brackets and by indentation: an upper bound, found without recursion. */
function tooDeep(text: string): boolean {
  let open = 0;
  for (const char of text) {
    if (char === "[" || char === "{") open += 1;
    else if (char === "]" || char === "}") open = Math.max(0, open - 1);
    if (open > MAX_DEPTH) return true;
  }
  return /^ {200,}\S/m.test(text) || /^(?:[-?] *){50,}/m.test(text);
}

/** Offset of a key or value, or of the deepest part of the path that is there. */
function offsetOf(root: Node | null, path: Path, at: "key" | "value"): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [index, part] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = (node.items as Pair<Node, Node | null>[]).find(
        ({ key }) => isScalar(key) && String(key.value) === String(part),
      );
      if (pair === undefined) return offset;
      const [start, end] = pair.key.range ?? [offset, offset];
      node = pair.value;
      const implied = node === null || node.range?.[0] === node.range?.[1];
      offset = last && at === "value" ? (implied ? end : (node?.range?.[0] ?? end)) : start;
    } else if (isSeq(node)) {
      const item = (node.items as Node[])[Number(part)];
      if (item === undefined) return offset;
      node = item;
      offset = item.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
