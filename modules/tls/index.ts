import { z } from "zod";
import type { Concern } from "../core/concern.ts";

/** `internal`: the platform's own certificate authority, whose root visitors' machines must trust. */
export const TLS_ISSUERS = ["internal"] as const;

export interface Tls {
  issuer: (typeof TLS_ISSUERS)[number];
}

const schema = z.strictObject({
  issuer: z
    .enum(TLS_ISSUERS)
    .optional()
    .meta({
      description: "`internal` is the platform's own certificate authority; `terrace trust` gives its root.",
      examples: ["internal"],
      default: "internal",
    }),
});

export const tls: Concern<"tls", z.infer<typeof schema>, Tls> = {
  key: "tls",
  required: false,
  schema: schema.meta({
    description: "Who issues the certificates of all sites.",
    examples: [{ issuer: "internal" }],
    default: { issuer: "internal" },
  }),
  resolve: (typed) => ({ issuer: typed?.issuer ?? "internal" }),
};
export { certificatePem, createRoot, ROOT_LABEL, type Root } from "./root.ts";
