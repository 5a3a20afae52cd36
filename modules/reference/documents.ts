import type { z } from "zod";
import { platformSchema } from "../platform/index.ts";
import { siteSchema } from "../site/index.ts";

export type Document = "site" | "platform";

interface DocumentInfo {
  schema: z.ZodObject;
  /** How the file is called. */
  path: string;
  summary: string;
  notes: string[];
}

/** The kinds of file that people write. */
export const documents: Record<Document, DocumentInfo> = {
  site: {
    schema: siteSchema,
    path: "site-configs/NAME.yaml",
    summary: "One file is one site. The file's name is the site's name: lower-case letters, digits and hyphens.",
    notes: [
      "Adding, changing or retiring a site is a change to its file.",
      "With this first line editors complete and check the file: `# yaml-language-server: $schema=../docs/schema/site.schema.json`",
    ],
  },
  platform: {
    schema: platformSchema,
    path: "platform.yaml",
    summary: "What all sites have in common. It stands at the root of the workspace.",
    notes: [
      "`platform.ENV.yaml` is laid over it by `--env ENV`: maps are merged, all else is replaced.",
      "With this first line editors complete and check the file: `# yaml-language-server: $schema=docs/schema/platform.schema.json`",
    ],
  },
};

/** What both kinds of file keep to. */
export const RULES_OF_ALL = [
  "YAML 1.2 in UTF-8, at most 256 KiB, one document. Not allowed: tabs, anchors and aliases, tags, a key twice, unknown keys.",
  "Sizes are written with their unit (`64MiB`; KiB, MiB, GiB, TiB), durations too (`30s`; ms, s, m, h, d), dates as `2027-01-05`.",
];
