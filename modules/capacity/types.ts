/** A node as Swarm's scheduler sees it. */
export interface NodeState {
  id: string;
  /** The name that `pool.nodes` gives it, else its host name. */
  name: string;
  hostname: string;
  role: "manager" | "worker";
  /** Of a manager: whether it leads. */
  leader: boolean;
  edge: boolean;
  availability: "active" | "pause" | "drain";
  /** `ready` where its engine answers the managers. */
  state: string;
  labels: Record<string, string>;
  /** Bytes; 0 where the node has not told yet. */
  memory: number;
  /** Cores. */
  cpus: number;
}

/** A service of whatever platform, with what each of its tasks asks of a node. */
export interface ServiceState {
  id: string;
  name: string;
  /** Empty where it is not Terrace's. */
  platform: string;
  /** Empty where it is no site's. */
  site: string;
  asks: Ask;
  /** Whether it has a volume on the disk of the node that it is on. */
  data: boolean;
  /** Tasks that Swarm wants to run, with the node that each is on; `undefined`: it waits for one. */
  tasks: { node: string | undefined; running: boolean }[];
}

/** What a service asks of the pool. */
export interface Ask {
  /** `global`: one task on each node that it may be on. */
  replicas: number | "global";
  /** Bytes that are reserved for each task. */
  memory: number;
  /** Cores that are reserved for each task. */
  cpus: number;
  /** Cores that each task may use at most; 0: as many as there are. */
  cpuLimit: number;
  /** Swarm's placement constraints, e.g. `node.labels.zone == a`. */
  constraints: string[];
  /** Tasks on one node at most; 0: as many as fit. */
  perNode: number;
}

/** The pool and all that runs on it, as read at one moment. */
export interface PoolState {
  nodes: NodeState[];
  services: ServiceState[];
}

/** What a plan wants of one service. */
export interface Demand {
  service: string;
  /** What people call it: the site's name, or the service's. */
  title: string;
  asks: Ask;
  /** All of its tasks are replaced, one after the other. */
  restarts: boolean;
  /** Whether a new task starts before the old one stops. */
  startFirst: boolean;
}
