import type { Pool } from "./types.ts";

/** The pool with the addresses that were found out for nodes whose entry names none. */
export function withAddresses(pool: Pool, addresses: Readonly<Record<string, string>>): Pool {
  const nodes = pool.nodes.map((node) => ({ ...node, address: node.address ?? addresses[node.name] }));
  return { ...pool, nodes };
}
