/** What a node does beside running sites, which every active node does. */
export const ROLES = ["manager", "worker", "edge"] as const;
export type Role = (typeof ROLES)[number];

/** Swarm's own words: `pause` gives a node no new tasks, `drain` also takes those away that it has. */
export const AVAILABILITIES = ["active", "pause", "drain"] as const;
export type Availability = (typeof AVAILABILITIES)[number];

/** Where the servers come from; each is a folder in `drivers/`. */
export const POOL_DRIVERS = ["local", "ssh", "libvirt"] as const;
export type DriverName = (typeof POOL_DRIVERS)[number];

/** How a node is reached. */
export interface SshAccess {
  user: string;
  port: number;
  /** The name of a private key, never its content; `undefined`: the agent or ssh's own defaults. */
  key: string | undefined;
}

/** A virtual server, for drivers that make them. */
export interface Machine {
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Bytes. */
  disk: number;
  /** The name of the host that it runs on; `undefined` where the driver has none to choose from. */
  host: string | undefined;
}

export interface PoolNode {
  /** Unique in the pool; the node's label `terrace.node` and, where Terrace makes the server, its host name. */
  name: string;
  /** IPv4 or IPv6 address or host name; `undefined` where the driver finds it out. */
  address: string | undefined;
  roles: Role[];
  /** Node labels of the operator's own. */
  labels: Record<string, string>;
  availability: Availability;
  ssh: SshAccess;
  /** Only with drivers that make virtual servers. */
  machine: Machine | undefined;
}

/** KVM hosts, and how the virtual servers on them are connected. */
export interface LibvirtSettings {
  hosts: { name: string; uri: string }[];
  /** A qcow2 image with cloud-init: a path on the machine that runs `terrace`, or a URL. */
  image: string;
  network: LibvirtNetwork;
}

export interface LibvirtNetwork {
  /** A bridge of the hosts; `undefined`: a network of libvirt's own, with NAT. */
  bridge: string | undefined;
  /** IPv4, CIDR; `undefined` where a bridge is used whose own DHCP gives addresses. */
  range: string | undefined;
  gateway: string | undefined;
  nameservers: string[];
}

export interface Pool {
  driver: DriverName;
  /** In the order of the file; none with `local`. */
  nodes: PoolNode[];
  /** Only with the driver `libvirt`. */
  libvirt: LibvirtSettings | undefined;
}
