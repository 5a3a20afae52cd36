import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { type Doomed, destroyObject, isLast, listDisk } from "../docker/index.ts";
import type { Pool } from "../pool/index.ts";
import { type NodeEngine, openEngine, swarmOf } from "./engine.ts";

/** What a platform has on the disks of a pool's nodes. Services, networks and secrets are the Swarm's; volumes and images are each node's. */
export interface Disks {
  doomed: Doomed[];
  /** Why a node could not be looked at: what it has stays. */
  faults: TerraceError[];
  /** Removes one object from the node that it is on. */
  remove(doomed: Doomed, signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * Looks over SSH at all nodes but the one whose engine is `manager`. Reads only.
 *
 * @param root the workspace's folder
 */
export async function lookAtDisks(
  pool: Pool,
  manager: Dockerode,
  { root, platform, volumes }: { root: string; platform: string; volumes: boolean },
): Promise<Disks> {
  const faults: TerraceError[] = [];
  const engines = new Map<string, NodeEngine>();
  const { Swarm }: { Swarm?: { NodeID?: string } } = await manager.info();
  const shared = await isLast(manager, platform);
  const lists = await Promise.all(
    pool.nodes.map(async (node): Promise<Doomed[]> => {
      try {
        const engine = await openEngine(node, { root });
        engines.set(node.name, engine);
        if ((await swarmOf(engine)).NodeID === Swarm?.NodeID) return [];
        const found = await listDisk(engine.docker, platform, { volumes, shared });
        return found.map((each) => ({ ...each, node: node.name }));
      } catch (error) {
        if (!(error instanceof TerraceError)) throw error;
        faults.push(error);
        return [];
      }
    }),
  );
  return {
    doomed: lists.flat(),
    faults,
    async remove(doomed, signal) {
      const engine = engines.get(doomed.node ?? "");
      if (engine !== undefined) await destroyObject(engine.docker, doomed, signal);
    },
    close() {
      for (const { connection } of engines.values()) connection.close();
    },
  };
}
