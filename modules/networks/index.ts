import { z } from "zod";
import type { Concern } from "../core/concern.ts";

/** Address ranges of the platform's two networks, in CIDR form. */
export interface Networks {
  edge: string;
  control: string;
  /** Whether what the control network and those of the databases carry from node to node is encrypted. */
  encrypted: boolean;
}

export const DEFAULT_NETWORKS = { edge: "10.253.0.0/16", control: "10.254.253.0/24", encrypted: true } as const;

/** The address ranges alone, by their key. */
export function networkRanges({ edge, control }: Networks): { edge: string; control: string } {
  return { edge, control };
}

function rangeSchema() {
  const error = "must be a private IPv4 range like 10.253.0.0/16";
  return z
    .string({ error })
    .refine((text) => z.cidrv4().safeParse(text).success && /^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.)/.test(text), {
      error,
    })
    .optional();
}

const schema = z.strictObject({
  edge: rangeSchema().meta({
    description: "The network of the edge and all sites' front ends: one address a task, so leave it large.",
    examples: ["10.253.0.0/16"],
    default: DEFAULT_NETWORKS.edge,
  }),
  control: rangeSchema().meta({
    description: "The network over which the edge gets its routes.",
    examples: ["10.254.253.0/24"],
    default: DEFAULT_NETWORKS.control,
  }),
  encrypted: z
    .boolean()
    .optional()
    .meta({
      description:
        "Whether the control network and those of the databases are encrypted between nodes. It needs IPsec (ESP) in every node's kernel; turn it off only where the nodes' own network is trusted or encrypted.",
      examples: [false],
      default: DEFAULT_NETWORKS.encrypted,
    }),
});

export const networks: Concern<"networks", z.infer<typeof schema>, Networks> = {
  key: "networks",
  required: false,
  schema: schema.meta({
    description:
      "Address ranges that the platform takes for itself. They must not meet any that its servers need to reach.",
    examples: [{ edge: "10.253.0.0/16", control: "10.254.253.0/24" }],
    default: { ...DEFAULT_NETWORKS },
  }),
  resolve: (typed) => ({
    edge: typed?.edge ?? DEFAULT_NETWORKS.edge,
    control: typed?.control ?? DEFAULT_NETWORKS.control,
    encrypted: typed?.encrypted ?? DEFAULT_NETWORKS.encrypted,
  }),
};
export { isInside, overlap } from "./overlap.ts";
