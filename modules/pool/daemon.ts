/**
 * Where Docker's own bridges on each node take their addresses from. Docker's default would take from 172.16.0.0/12 and
 * 192.168.0.0/16, which many offices use.
 */
export const BRIDGE_RANGE = "10.252.0.0/16";

/**
 * What a node's `/etc/docker/daemon.json` holds: logs that can't fill the disk, and address pools that meet nothing.
 * No `live-restore`: Swarm does not allow it.
 */
export function daemonConfig(): Record<string, unknown> {
  return {
    "default-address-pools": [{ base: BRIDGE_RANGE, size: 24 }],
    "log-driver": "json-file",
    "log-opts": { "max-file": "3", "max-size": "10m" },
  };
}
