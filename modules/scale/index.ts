import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { servedBy } from "../serve/index.ts";
import { sizeOf, sizeSchema } from "../units/index.ts";

export interface Scale {
  replicas: number;
  /** Cores. */
  cpu: number;
  /** Bytes, for each replica. */
  memory: number;
}

const DEFAULTS = { replicas: 1, cpu: 0.25, memory: { static: "64MiB", image: "256MiB", proxy: "64MiB" } } as const;

const REPLICAS = "must be a whole number from 1 to 100";
const CPU = "must be a number of cores from 0.01 to 64, like 0.25";

const schema = z.strictObject({
  replicas: z
    .int({ error: REPLICAS })
    .min(1, { error: REPLICAS })
    .max(100, { error: REPLICAS })
    .optional()
    .meta({ description: "How many containers share the site's load.", examples: [2], default: DEFAULTS.replicas }),
  cpu: z
    .number({ error: CPU })
    .min(0.01, { error: CPU })
    .max(64, { error: CPU })
    .optional()
    .meta({ description: "Cores that each container may use at most.", examples: [0.5], default: DEFAULTS.cpu }),
  memory: sizeSchema({ min: "16MiB", max: "1TiB" })
    .optional()
    .meta({
      description: "Memory that each container may use at most; it is reserved on the node.",
      examples: ["128MiB"],
      absent: `${DEFAULTS.memory.static} for static pages, ${DEFAULTS.memory.image} for an image`,
    }),
});

export const scale: Concern<"scale", z.infer<typeof schema>, Scale> = {
  key: "scale",
  required: false,
  schema: schema.meta({
    description: "How many containers serve the site, and how much of the pool each may use.",
    examples: [{ replicas: 2, cpu: 0.25, memory: "64MiB" }],
    absent: "one container with the defaults below",
  }),
  resolve: (typed, context) => ({
    replicas: typed?.replicas ?? DEFAULTS.replicas,
    cpu: typed?.cpu ?? DEFAULTS.cpu,
    memory: sizeOf(typed?.memory ?? DEFAULTS.memory[servedBy(context.typed.serve)]),
  }),
  service: (resolved, draft) => void Object.assign(draft, resolved),
};
