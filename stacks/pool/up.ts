import { TerraceError } from "../../modules/core/errors.ts";
import { readPool } from "../../modules/docker/index.ts";
import { ALL, type LockRequest, withLock } from "../../modules/engine/index.ts";
import { connectPool, joinPool, type NodeOutcome } from "../../modules/nodes/index.ts";
import type { Platform } from "../../modules/platform/index.ts";
import { drivers, type Pool, withAddresses } from "../../modules/pool/index.ts";
import { Connection, learnHostKey } from "../../modules/ssh/index.ts";
import { type NodeChange, nodeChanges } from "./difference.ts";
import { planServers, type ServersPlan } from "./servers.ts";

export interface PoolRequest {
  /** The workspace's folder. */
  root: string;
  platform: Platform;
  signal?: AbortSignal;
  report(line: string): void;
}

export interface PoolPlan {
  /** Only where the driver makes servers. */
  servers: ServersPlan | undefined;
  /** What differs between the file and the Swarm; every node is new where there is no Swarm yet. */
  nodes: NodeChange[];
}

const MINUTE = 60_000;

/** Works out what {@link poolUp} would do, and does none of it. */
export async function planPool({ root, platform, signal, report }: PoolRequest): Promise<PoolPlan> {
  const { pool, name } = platform;
  const makes = drivers[pool.driver].machines;
  const servers = makes ? await planServers({ root, platform: name, pool, signal, report }) : undefined;
  return { servers, nodes: nodeChanges(pool.nodes, await liveNodes(pool, root)) };
}

/** The Swarm's nodes; none where it is not there yet. */
async function liveNodes(pool: Pool, root: string) {
  if (pool.driver === "local") return [];
  try {
    return (await readPool(await connectPool(pool, root))).nodes;
  } catch (error) {
    if (error instanceof TerraceError && error.code === "TERRACE_POOL_NO_MANAGER") return [];
    throw error;
  }
}

/**
 * Makes the servers that are missing, and then the Swarm of all of them as the file says.
 *
 * @param wait whether, and for how long, it waits for whoever changes the platform
 * @throws TerraceError `TERRACE_LOCKED`
 */
export async function poolUp(
  plan: PoolPlan,
  request: PoolRequest,
  wait: Pick<LockRequest, "noWait" | "limit">,
): Promise<NodeOutcome[]> {
  const { root, platform, report } = request;
  const signal = request.signal ?? new AbortController().signal;
  const lock = { platform: platform.name, scopes: [ALL], reason: "pool up", ...wait, signal, report };
  const join = (pool: Pool) =>
    joinPool(pool, {
      root,
      platform: platform.name,
      encrypted: platform.networks.encrypted,
      signal,
      report: (node, line) => report(`${node}: ${line}`),
      alone: (docker, work) => withLock({ ...lock, docker }, work),
    });
  const { servers } = plan;
  if (servers === undefined) return join(platform.pool);
  // Containers move before their server goes.
  if (servers.deleted.length > 0) await leave(servers.deleted, platform.pool, join);
  const pool = withAddresses(platform.pool, await servers.apply());
  for (const node of pool.nodes.filter(({ name }) => servers.created.includes(name))) {
    await firstBoot(node, root, signal, report);
  }
  return join(pool);
}

/** Nodes whose server is about to be deleted leave the Swarm first. */
async function leave(names: string[], pool: Pool, join: (pool: Pool) => Promise<NodeOutcome[]>): Promise<void> {
  const known = { ...pool, nodes: pool.nodes.filter(({ address }) => address !== undefined) };
  if (known.nodes.length === 0) return;
  const failed = (await join(known)).find(({ node, fault }) => fault !== undefined && names.includes(node));
  if (failed?.fault !== undefined) throw failed.fault;
}

/** A server that was just made: its host key is kept, and cloud-init is waited for, which installs Docker Engine. */
async function firstBoot(
  { name, address, ssh }: Pool["nodes"][number],
  root: string,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  if (address === undefined) return;
  const target = { name, address, ssh };
  report(`${name}: waits for ${address} to answer`);
  await learnHostKey(target, root, 5 * MINUTE, signal);
  const connection = await Connection.open(target, { root, signal });
  try {
    report(`${name}: waits for cloud-init, which installs Docker Engine`);
    const { stdout } = await connection.root("cloud-init status --wait --long 2>&1 || true", {
      limit: 15 * MINUTE,
      signal,
    });
    if (/^status: error/m.test(stdout)) report(`${name}: cloud-init says ${stdout.trim().replaceAll("\n", "; ")}`);
  } finally {
    connection.close();
  }
}
