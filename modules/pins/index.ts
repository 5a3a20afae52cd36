import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import type { OwnImage } from "../images/index.ts";
import { imageSchema } from "../units/index.ts";

/** References of images that replace those that Terrace builds itself. */
export type Pins = Partial<Record<"base" | "agent" | OwnImage, string>>;

function pin(description: string, example: string) {
  return imageSchema()
    .optional()
    .meta({ description, examples: [example], absent: "Terrace builds it" });
}

const keys = {
  base: pin("What the other images are built on: a Debian with apt.", "registry.example.cn/debian:bookworm"),
  static: pin("Serves the pages of static sites.", "registry.example.cn/terrace/static:1"),
  edge: pin("The reverse proxy in front of all sites.", "registry.example.cn/terrace/edge:1"),
  postgres: pin("PostgreSQL, for sites that have such a database.", "registry.example.cn/terrace/postgres:1"),
  mariadb: pin("MariaDB, for sites that have such a database.", "registry.example.cn/terrace/mariadb:1"),
  backup: pin("Runs the jobs of backups.", "registry.example.cn/terrace/backup:1"),
  registry: pin("The registry of a pool of several nodes.", "registry.example.cn/terrace/registry:1"),
  agent: pin("Runs what is due of backups: Terrace itself.", "registry.example.cn/terrace/agent:1"),
} satisfies Record<"base" | "agent" | OwnImage, unknown>;

const schema = z.strictObject(keys);

export const pins: Concern<"images", z.infer<typeof schema>, Pins> = {
  key: "images",
  required: false,
  schema: schema.meta({
    description: "Images that replace those that Terrace builds itself, pinned by a version or digest.",
    examples: [{ base: "registry.example.cn/debian:bookworm" }],
    absent: "Terrace builds its own",
  }),
  resolve: (typed) => ({ ...typed }),
};
