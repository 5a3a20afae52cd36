import { LABEL } from "../core/labels.ts";
import { get } from "../docker/index.ts";
import type { Pool } from "../pool/index.ts";
import { openEngines } from "./engine.ts";

/** On whose disk the volumes of a platform are. The Swarm does not know: a volume is its node's own. */
export interface VolumePlaces {
  /** By a volume's name the nodes that have one, first the one that has had it for the shortest time. */
  nodes: ReadonlyMap<string, string[]>;
  /** Nodes that could not be asked. */
  unseen: string[];
}

/**
 * Asks every node of a pool over SSH. Reads only.
 *
 * @param root the workspace's folder
 */
export async function findVolumes(
  { nodes }: Pick<Pool, "nodes">,
  { root, platform }: { root: string; platform: string },
): Promise<VolumePlaces> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  type Listed = { Volumes: { Name: string; CreatedAt?: string }[] | null };
  const { engines, faults } = await openEngines(nodes, { root });
  try {
    const lists = await Promise.all(
      engines.map(async ({ docker, node }) => {
        const { Volumes } = await get<Listed>(docker, "/volumes", { filters });
        return (Volumes ?? []).map(({ Name, CreatedAt = "" }) => {
          return { volume: Name, made: Date.parse(CreatedAt) || 0, on: node.name };
        });
      }),
    );
    const places = new Map<string, string[]>();
    for (const { volume, on } of lists.flat().sort((a, b) => b.made - a.made))
      places.set(volume, [...(places.get(volume) ?? []), on]);
    return { nodes: places, unseen: [...faults.keys()] };
  } finally {
    for (const { connection } of engines) connection.close();
  }
}
