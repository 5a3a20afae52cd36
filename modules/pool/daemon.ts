/**
 * What Docker is set to on every node, as `/etc/docker/daemon.json` has it. No `live-restore`: Swarm does not allow it.
 *
 * @param bridges the range that the node's own bridges take their addresses from; `undefined`: Docker chooses
 */
export function daemonConfig(bridges: string | undefined): Record<string, unknown> {
  return {
    // A container of anybody's can't fill the disk with its log.
    "log-driver": "json-file",
    "log-opts": { "max-size": "10m", "max-file": "3" },
    ...(bridges === undefined ? {} : { "default-address-pools": [{ base: bridges, size: 24 }] }),
  };
}

/** The range for the bridges of a server that Terrace makes: its first, where nothing of its routes is known yet. */
export const BRIDGE_RANGE = "172.17.0.0/16";
