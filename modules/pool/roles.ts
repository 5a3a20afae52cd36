import type { Pool, PoolNode } from "./types.ts";

export function managers({ nodes }: Pick<Pool, "nodes">): PoolNode[] {
  return nodes.filter(({ roles }) => roles.includes("manager"));
}

/** Nodes that answer visitors. */
export function edges({ nodes }: Pick<Pool, "nodes">): PoolNode[] {
  return nodes.filter(({ roles }) => roles.includes("edge"));
}

export function isMultiNode({ nodes }: Pick<Pool, "nodes">): boolean {
  return nodes.length > 1;
}

/** Node labels over whose values the containers of a site are spread: `zone`, where the pool has more than one. */
export function spreadLabels({ nodes }: Pick<Pool, "nodes">): string[] {
  const zones = new Set(nodes.map(({ labels }) => labels.zone).filter((zone) => zone !== undefined));
  return zones.size > 1 ? ["zone"] : [];
}

/** Whether `terrace pool up` has servers to join; with `local` there are none. */
export function isJoined({ driver }: Pick<Pool, "driver">): boolean {
  return driver !== "local";
}
