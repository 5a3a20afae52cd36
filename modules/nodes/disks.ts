import type Dockerode from "dockerode";
import type { TerraceError } from "../core/errors.ts";
import { type Doomed, destroyObject, isLast, listDisk } from "../docker/index.ts";
import type { Pool } from "../pool/index.ts";
import { openEngines, swarmOf } from "./engine.ts";

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
  const { Swarm }: { Swarm?: { NodeID?: string } } = await manager.info();
  const shared = await isLast(manager, platform);
  const { engines, faults } = await openEngines(pool.nodes, { root });
  const lists = await Promise.all(
    engines.map(async (engine): Promise<Doomed[]> => {
      if ((await swarmOf(engine)).NodeID === Swarm?.NodeID) return [];
      const found = await listDisk(engine.docker, platform, { volumes, shared });
      return found.map((each) => ({ ...each, node: engine.node.name }));
    }),
  );
  return {
    doomed: lists.flat(),
    faults: [...faults.values()],
    async remove(doomed, signal) {
      const engine = engines.find(({ node }) => node.name === doomed.node);
      if (engine !== undefined) await destroyObject(engine.docker, doomed, signal);
    },
    close() {
      for (const { connection } of engines) connection.close();
    },
  };
}
