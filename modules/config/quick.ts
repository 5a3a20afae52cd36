/*
 * The plain part of YAML that nearly every site file keeps to: block maps and lists, `{ }` and `[ ]` on one line, plain and
 * simply quoted text. The full parser takes a third of a millisecond a file, which a thousand files make a third of a second.
 * Anything that is not certain is left to it: `undefined` never means wrong, and a value is always the one it would give
 * (`tests/unit/config-quick.test.ts` compares the two).
 */

interface Line {
  indent: number;
  text: string;
}

type Yaml = Record<string, unknown>;

/** Thrown and caught here only: the full parser has to look. */
const UNSURE = new Error("not plain enough");

const KEY = /^([A-Za-z_][A-Za-z0-9_-]*):(?: +(?=[^ ])|$)/;
const PLAIN = /^[\p{L}0-9/](?: ?[\p{L}\p{N}._/:*+@%,()，。、；：？！（）《》“”·-])*$/u;
/** Inside `{ }` and `[ ]` a comma ends the text. */
const PLAIN_IN_FLOW = /[\p{L}0-9/](?: ?[\p{L}\p{N}._/:*+@%，。、；：？！（）《》“”·-])*/uy;
const QUOTED = /"([^"\\]*)"|'([^']*)'/y;
const FLOW_KEY = /([A-Za-z_][A-Za-z0-9_-]*): +/y;
const SPACES = / */y;
const WORD = /^(?:null|true|false|__proto__)$/i;
const NUMBER_LIKE = /^(?:0x[0-9a-fA-F]+|0o[0-7]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)$/;
const SIMPLE_NUMBER = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?$/;

/** The file as plain data, or `undefined` where only the full parser can tell. */
export function quickYaml(text: string): Yaml | undefined {
  if (/[\t\r\u0085\u2028\u2029\ufeff]/.test(text)) return undefined;
  try {
    const reader = new Reader(linesOf(text));
    const value = reader.map(0);
    return reader.done ? value : undefined;
  } catch (error) {
    if (error === UNSURE) return undefined;
    throw error;
  }
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (const raw of text.split("\n")) {
    let end = raw.indexOf(" #");
    if (end >= 0 && /["']/.test(raw.slice(0, end))) throw UNSURE;
    if (raw.startsWith("#")) end = 0;
    const trimmed = (end < 0 ? raw : raw.slice(0, end)).trimEnd();
    const content = trimmed.trimStart();
    if (content === "") continue;
    lines.push({ indent: trimmed.length - content.length, text: content });
  }
  return lines;
}

class Reader {
  private at = 0;
  private readonly lines: Line[];

  constructor(lines: Line[]) {
    this.lines = lines;
  }

  get done(): boolean {
    return this.at === this.lines.length;
  }

  /** All lines at exactly this indentation; one that is further in belongs to the key above it. */
  map(indent: number): Yaml {
    const result: Yaml = {};
    let count = 0;
    for (let line = this.here(indent); line !== undefined; line = this.here(indent)) {
      const match = KEY.exec(line.text);
      const key = match?.[1];
      if (match === null || key === undefined) {
        if (count > 0 && line.text.startsWith("- ")) break;
        throw UNSURE;
      }
      put(result, key, this.valueAfter(line.text.slice(match[0].length), indent));
      count += 1;
    }
    if (count === 0) throw UNSURE;
    return result;
  }

  private list(indent: number): unknown[] {
    const result: unknown[] = [];
    for (let line = this.here(indent); line?.text.startsWith("- "); line = this.here(indent)) {
      const rest = line.text.slice(2);
      if (KEY.test(rest)) {
        // The map's first key stands on the line of the dash, the others below it.
        this.lines[this.at] = { indent: indent + 2, text: rest };
        result.push(this.map(indent + 2));
      } else {
        this.at += 1;
        this.noDeeper(indent);
        result.push(inline(rest));
      }
    }
    return result;
  }

  private valueAfter(rest: string, indent: number): unknown {
    this.at += 1;
    if (rest !== "") {
      this.noDeeper(indent);
      return inline(rest);
    }
    const next = this.lines[this.at];
    if (next === undefined || next.indent < indent) return null;
    if (next.text.startsWith("- ")) return this.list(next.indent);
    return next.indent > indent ? this.map(next.indent) : null;
  }

  /** The next line where it belongs to the block at this indentation, `undefined` where it ends the block. */
  private here(indent: number): Line | undefined {
    const line = this.lines[this.at];
    if (line !== undefined && line.indent > indent) throw UNSURE;
    return line?.indent === indent ? line : undefined;
  }

  /** Text that goes on in the next line is for the full parser. */
  private noDeeper(indent: number): void {
    const next = this.lines[this.at];
    if (next !== undefined && next.indent > indent) throw UNSURE;
  }
}

function put(map: Yaml, key: string, value: unknown): void {
  if (WORD.test(key) || Object.hasOwn(map, key)) throw UNSURE;
  map[key] = value;
}

function inline(text: string): unknown {
  const first = text[0];
  if (first === "{" || first === "[" || first === '"' || first === "'") {
    const scanner = new Flow(text);
    const value = scanner.value();
    if (!scanner.done) throw UNSURE;
    return value;
  }
  if (!PLAIN.test(text)) throw UNSURE;
  return scalar(text);
}

function scalar(text: string): unknown {
  if (text.endsWith(":") || text.includes(": ")) throw UNSURE;
  if (SIMPLE_NUMBER.test(text)) return Number(text);
  if (NUMBER_LIKE.test(text)) throw UNSURE;
  if (!WORD.test(text)) return text;
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  throw UNSURE;
}

/** What stands on one line in `{ }`, `[ ]` or quotes. */
class Flow {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at === this.text.length;
  }

  value(): unknown {
    const first = this.text[this.at];
    if (first === "{") return this.items("}", {}, (map) => put(map, this.take(FLOW_KEY)[1] ?? "", this.value()));
    if (first === "[") return this.items("]", [] as unknown[], (list) => void list.push(this.value()));
    if (first === '"' || first === "'") {
      const match = this.take(QUOTED);
      return match[1] ?? match[2];
    }
    const [text] = this.take(PLAIN_IN_FLOW);
    if (/:(?=[,\]}]|$)/.test(text + (this.text[this.at] ?? ""))) throw UNSURE;
    return scalar(text);
  }

  private items<T>(close: string, into: T, item: (into: T) => void): T {
    this.at += 1;
    this.take(SPACES);
    while (this.text[this.at] !== close) {
      item(into);
      this.take(SPACES);
      if (this.text[this.at] === close) break;
      if (this.text[this.at] !== ",") throw UNSURE;
      this.at += 1;
      this.take(SPACES);
      // A comma with nothing behind it means different things in lists and maps.
      if (this.text[this.at] === close) throw UNSURE;
    }
    this.at += 1;
    return into;
  }

  private take(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) throw UNSURE;
    this.at = pattern.lastIndex;
    return match;
  }
}
