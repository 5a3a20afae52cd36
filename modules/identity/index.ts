import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { lineSchema, nameSchema } from "../units/index.ts";

/** What a site is. `portal` is the authority's main site: there is exactly one. */
export const SITE_KINDS = ["portal", "department", "county", "service", "campaign"] as const;
export type SiteKind = (typeof SITE_KINDS)[number];

export const title: Concern<"title", string, string> = {
  key: "title",
  required: true,
  schema: lineSchema(200).meta({
    description: "The site's name as people read it.",
    examples: ["Finance Bureau", "红河州财政局"],
  }),
  resolve: (typed) => typed ?? "",
};

export const kind: Concern<"kind", SiteKind, SiteKind> = {
  key: "kind",
  required: true,
  schema: z.enum(SITE_KINDS).meta({
    description: "What the site is. Exactly one site of a platform is the `portal`.",
    examples: ["department"],
  }),
  resolve: (typed) => typed ?? "service",
};

export const sponsor: Concern<"sponsor", string, string | undefined> = {
  key: "sponsor",
  required: false,
  schema: lineSchema(200).meta({
    description: "The body that answers for the site.",
    examples: ["Honghe Prefecture Finance Bureau"],
    absent: "no sponsor is named",
  }),
  resolve: (typed) => typed,
};

const CODE = 'must be the 10-digit site code in quotes, like "5325000012"';

export const code: Concern<"code", string, string | undefined> = {
  key: "code",
  required: false,
  schema: z
    .string({ error: CODE })
    .regex(/^[0-9]{10}$/, { error: CODE })
    .meta({
      description:
        "The national site code: 10 digits in quotes, of which the first 6 are the administrative division (Honghe: 532500).",
      examples: ["5325000012"],
      absent: "the site has no code",
    }),
  resolve: (typed) => typed,
};

export const owners: Concern<"owners", string[], string[]> = {
  key: "owners",
  required: false,
  schema: z
    .array(nameSchema())
    .max(50)
    .superRefine((names, context) => {
      names.forEach((name, index) => {
        if (names.indexOf(name) === index) return;
        context.addIssue({ code: "custom", path: [index], message: "is in the list already" });
      });
    })
    .meta({
      description: "The groups of people who look after the site, by name.",
      examples: [["finance-web"]],
      default: [],
    }),
  resolve: (typed) => typed ?? [],
};
