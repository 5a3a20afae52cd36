import { z } from "zod";

const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Lower-case letters, digits and inner hyphens, 1 to 63 characters. */
export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text);
}

/** A name that can be part of a host name and of a Docker object's name. */
export function nameSchema(maxLength = 63) {
  const error = `must be a name of lower-case letters, digits and hyphens, at most ${maxLength} characters`;
  return z.string({ error }).regex(DNS_LABEL, { error, abort: true }).max(maxLength, { error });
}

// Letters of the C0 and C1 blocks have no place in a title, a header or a command.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** One line of text, not blank. */
export function lineSchema(maxLength: number) {
  return z
    .string()
    .refine((text) => text.trim() !== "", { error: "must not be blank", abort: true })
    .refine((text) => !CONTROL.test(text), { error: "must be one line without control characters", abort: true })
    .max(maxLength, { error: `must be at most ${maxLength} characters` });
}

/** Why a text is no absolute http(s) URL that may be shown to everyone, or `undefined` where it is one. */
export function webUrlFault(text: string): string | undefined {
  const sentence = "must be a URL like https://www.honghe.gov.cn/finance";
  if (!/^https?:\/\/[^\s]+$/i.test(text) || !URL.canParse(text)) return sentence;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must be a URL without a user name or password in it";
  return undefined;
}

/** Why a text is no folder of the workspace, or `undefined` where it may be one. Whether it exists is not looked at. */
export function folderFault(text: string): string | undefined {
  if (text === "" || text.includes("\\") || CONTROL.test(text)) return "must be a folder like site-content/finance";
  if (text.startsWith("/") || text.startsWith("~")) {
    return "must be a folder inside the workspace, written relative to its root";
  }
  const parts = text.replace(/\/$/, "").split("/");
  if (parts.some((part) => part === ".." || part === "." || part === "")) {
    return "must be a plain path like site-content/finance, without `.`, `..` or empty parts";
  }
  return undefined;
}

/** A container image by reference, e.g. `registry.example.cn/web/shop:1.4.2` or with `@sha256:...`. */
export function imageSchema() {
  const error = "must be an image like registry.example.cn/web/shop:1.4.2";
  return z
    .string({ error })
    .max(500, { error })
    .regex(
      /^[a-z0-9][a-z0-9._-]*(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/,
      { error },
    );
}

/** Adds what a fault function says as a zod check. */
export function faultCheck(fault: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = fault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}
