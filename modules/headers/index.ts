import { z } from "zod";
import type { Concern } from "../core/concern.ts";

export type Headers = Record<string, string | null>;

/** The edge and HTTP itself answer for these. */
const RESERVED = new Set(
  "connection content-length content-encoding date host keep-alive location server te trailer transfer-encoding upgrade".split(
    " ",
  ),
);

const name = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, {
    error: "must be the name of a header like X-Frame-Options",
    abort: true,
  })
  .refine((text) => !RESERVED.has(text.toLowerCase()), { error: "is a header that the edge itself sets" });

const value = z
  .string({ error: "must be text in quotes, or null to leave the header out" })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break in a header would start another one
  .regex(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/, { error: "must be one line without control characters" })
  .max(4000, { error: "can have 4000 characters at most" })
  .nullable();

export const headers: Concern<"headers", Headers, Headers> = {
  key: "headers",
  required: false,
  schema: z
    .record(name, value)
    .superRefine((typed, context) => {
      const seen = new Map<string, string>();
      for (const key of Object.keys(typed)) {
        const first = seen.get(key.toLowerCase());
        if (first !== undefined) {
          context.addIssue({ code: "custom", path: [key], message: `is the same header as ${first} above` });
        }
        seen.set(key.toLowerCase(), key);
      }
    })
    .meta({
      description:
        "Response headers that replace or complete the safe ones set by default; `null` leaves one of those out.",
      examples: [{ "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'" }],
      default: {},
    }),
  resolve: (typed) => typed ?? {},
  routes(resolved, draft) {
    draft.headers = { ...resolved };
  },
};
