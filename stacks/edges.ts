import type { Platform } from "../modules/platform/index.ts";
import { edges } from "../modules/pool/index.ts";
import type { EdgeAddress } from "../modules/probe/index.ts";

/** Where the platform's edges answer: on this machine, or on every edge node of the pool that is not drained. */
export function edgeAddresses({ pool, edge }: Platform): EdgeAddress[] {
  const { http, https } = edge;
  if (pool.driver === "local") return [{ host: "127.0.0.1", http, https }];
  const nodes = edges(pool).filter(({ availability }) => availability !== "drain");
  return nodes.flatMap(({ address }) => (address === undefined ? [] : { host: address, http, https }));
}
