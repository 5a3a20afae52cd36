import { isUtf8 } from "node:buffer";
import type { Problem } from "../core/problem.ts";

/** 256 KiB: far more than any site needs, far less than what would slow a whole run down. */
const MAX_BYTES = 256 * 1024;

type Fault = Pick<Problem, "rule" | "line" | "column" | "message">;

/** The text of a file without its byte order mark, or why there is none. */
export function textOf(bytes: Uint8Array): string | Fault {
  const whole = { line: 1, column: 1 };
  if (bytes.length > MAX_BYTES) {
    const message = `is ${Math.ceil(bytes.length / 1024)} KiB: a file of configuration can have 256 KiB at most`;
    return { rule: "too-large", ...whole, message };
  }
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return { rule: "not-utf8", ...whole, message: "is UTF-16: save the file as UTF-8" };
  }
  if (!isUtf8(bytes)) return badByte(bytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: YAML allows none of them
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control !== null) {
    const code = (control[0].codePointAt(0) ?? 0).toString(16).padStart(4, "0").toUpperCase();
    return { rule: "control-character", ...place(text, control.index), message: `has a control character (U+${code})` };
  }
  return text;
}

/** 1-based line and column of an offset. */
export function place(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function badByte(bytes: Uint8Array): Fault {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  let at = 0;
  try {
    for (; at < bytes.length; at += 1) text += decoder.decode(bytes.subarray(at, at + 1), { stream: true });
  } catch {
    // The byte at `at` cannot follow what came before it.
  }
  const code = (bytes[Math.min(at, bytes.length - 1)] ?? 0).toString(16).padStart(2, "0").toUpperCase();
  const message = `is not UTF-8 (byte 0x${code} here): save the file as UTF-8`;
  return { rule: "not-utf8", ...place(text, text.length), message };
}
