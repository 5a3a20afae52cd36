import { z } from "zod";
import type { Concern } from "../core/concern.ts";

/** The ports that visitors use, on every node that is an edge. */
export interface Ports {
  http: number;
  https: number;
}

export const DEFAULT_PORTS: Ports = { http: 80, https: 443 };

function portSchema() {
  const error = "must be a port, a number from 1 to 65535";
  return z.int({ error }).min(1, { error }).max(65535, { error }).optional();
}

const schema = z
  .strictObject({
    http: portSchema().meta({
      description: "Where plain HTTP is answered, with a redirect to HTTPS.",
      examples: [8080],
      default: DEFAULT_PORTS.http,
    }),
    https: portSchema().meta({
      description: "Where HTTPS is answered.",
      examples: [8443],
      default: DEFAULT_PORTS.https,
    }),
  })
  .refine((typed) => (typed.http ?? DEFAULT_PORTS.http) !== (typed.https ?? DEFAULT_PORTS.https), {
    path: ["https"],
    error: "must be another port than that of http",
  });

export const ports: Concern<"edge", z.infer<typeof schema>, Ports> = {
  key: "edge",
  required: false,
  schema: schema.meta({
    description: "The ports that visitors use, on every node that is an edge.",
    examples: [{ http: 80, https: 443 }],
    default: { ...DEFAULT_PORTS },
  }),
  resolve: (typed) => ({ http: typed?.http ?? DEFAULT_PORTS.http, https: typed?.https ?? DEFAULT_PORTS.https }),
};
