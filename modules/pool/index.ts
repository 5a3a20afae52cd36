import { z } from "zod";
import type { Concern } from "../core/concern.ts";

/** `local`: this machine, which already is or becomes a Swarm of one node. */
export const POOL_DRIVERS = ["local"] as const;

export interface Pool {
  driver: (typeof POOL_DRIVERS)[number];
}

const schema = z.strictObject({
  driver: z
    .enum(POOL_DRIVERS)
    .optional()
    .meta({ description: "`local` is the Docker Engine of this machine.", examples: ["local"], default: "local" }),
});

export const pool: Concern<"pool", z.infer<typeof schema>, Pool> = {
  key: "pool",
  required: false,
  schema: schema.meta({
    description: "Where the servers come from.",
    examples: [{ driver: "local" }],
    default: { driver: "local" },
  }),
  resolve: (typed) => ({ driver: typed?.driver ?? "local" }),
};
