import { readServicesUsed } from "../docker/index.ts";
import type { PoolNode } from "../pool/index.ts";
import { Connection } from "../ssh/index.ts";
import { engineOver, targetOf } from "./engine.ts";

/** What a server really uses, whatever is reserved. */
export interface Used {
  /** Bytes that are not available to a new program. */
  memory: number;
  /** Processes that ran or waited to, as a mean of the last minute. */
  load: number;
}

export interface NodeUsed extends Used {
  /** Bytes by the id of the service whose containers use them. */
  services: Map<string, number>;
}

/** Asks a server over SSH; `undefined` where it does not answer. */
export async function readUsed(node: PoolNode, root: string): Promise<NodeUsed | undefined> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(targetOf(node), { root, patience: 5 });
    const { code, stdout } = await connection.run("cat /proc/meminfo /proc/loadavg", { limit: 10_000 });
    const used = code === 0 ? parseUsed(stdout) : undefined;
    if (used === undefined) return undefined;
    return { ...used, services: await readServicesUsed((await engineOver(node, connection)).docker) };
  } catch {
    return undefined;
  } finally {
    connection?.close();
  }
}

/** Reads the text of `/proc/meminfo` and `/proc/loadavg`, one after the other. */
export function parseUsed(text: string): Used | undefined {
  const kilobytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN);
  const memory = (kilobytes("MemTotal") - kilobytes("MemAvailable")) * 1024;
  const load = Number(/^(\d+\.\d+) \d+\.\d+ \d+\.\d+ \d+\/\d+ \d+$/m.exec(text)?.[1] ?? Number.NaN);
  return Number.isFinite(memory) && Number.isFinite(load) ? { memory, load } : undefined;
}
