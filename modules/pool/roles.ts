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

/** Whether `terrace pool up` has servers to join; with `local` there are none. */
export function isJoined({ driver }: Pick<Pool, "driver">): boolean {
  return driver !== "local";
}
