import { takesTasks } from "./board.ts";
import type { NodeState, PoolState } from "./types.ts";

/** How full one node is. Sizes in bytes. */
export interface NodeUsage {
  node: NodeState;
  /** Whether new tasks may be put here. */
  takes: boolean;
  tasks: number;
  reserved: number;
  free: number;
  cpusReserved: number;
  /** Cores that its tasks may use together at most; more than there are is usual. */
  cpuLimits: number;
}

/** What one site, or what is no site's, has of the pool. */
export interface SiteUsage {
  /** The site's name; else the service's. */
  title: string;
  platform: string;
  /** Ids of its services. */
  services: string[];
  tasks: number;
  /** Tasks that wait for a node. */
  waiting: number;
  reserved: number;
  cpuLimits: number;
  nodes: string[];
}

export interface PoolUsage {
  nodes: NodeUsage[];
  /** By what they reserve, the largest first. */
  sites: SiteUsage[];
  /** Of the nodes that take tasks. */
  memory: { total: number; reserved: number };
  cpus: { total: number; limits: number };
}

export function usage({ nodes, services }: PoolState): PoolUsage {
  const perNode = new Map(nodes.map((node) => [node.id, { tasks: 0, reserved: 0, cpusReserved: 0, cpuLimits: 0 }]));
  const sites = new Map<string, SiteUsage>();
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  for (const { id, name, platform, site, asks, tasks } of services) {
    const title = site === "" ? name : site;
    const key = `${platform}\0${title}`;
    const of = sites.get(key) ?? newSite(title, platform);
    sites.set(key, of);
    of.services.push(id);
    for (const { node } of tasks) {
      const on = perNode.get(node ?? "");
      if (on === undefined) {
        of.waiting += 1;
        continue;
      }
      on.tasks += 1;
      on.reserved += asks.memory;
      on.cpusReserved += asks.cpus;
      on.cpuLimits += asks.cpuLimit;
      of.tasks += 1;
      of.reserved += asks.memory;
      of.cpuLimits += asks.cpuLimit;
      const where = names.get(node ?? "") ?? "";
      if (!of.nodes.includes(where)) of.nodes.push(where);
    }
  }
  const rows = nodes.map((node) => {
    const on = perNode.get(node.id) ?? { tasks: 0, reserved: 0, cpusReserved: 0, cpuLimits: 0 };
    return { node, takes: takesTasks(node), ...on, free: Math.max(0, node.memory - on.reserved) };
  });
  const open = rows.filter(({ takes }) => takes);
  const total = (of: (row: NodeUsage) => number) => open.reduce((sum, row) => sum + of(row), 0);
  return {
    nodes: rows,
    sites: [...sites.values()]
      .filter((each) => each.tasks + each.waiting > 0)
      .sort((a, b) => b.reserved - a.reserved || (a.title < b.title ? -1 : 1)),
    memory: { total: total(({ node }) => node.memory), reserved: total(({ reserved }) => reserved) },
    cpus: { total: total(({ node }) => node.cpus), limits: total(({ cpuLimits }) => cpuLimits) },
  };
}

function newSite(title: string, platform: string): SiteUsage {
  return { title, platform, services: [], tasks: 0, waiting: 0, reserved: 0, cpuLimits: 0, nodes: [] };
}

/** Bytes that a platform's sites may reserve together: what active nodes have, less what others reserve there. */
export function memoryFor(platform: string, { nodes, services }: PoolState): number | undefined {
  const open = nodes.filter(takesTasks);
  if (open.length === 0 || open.some(({ memory }) => memory === 0)) return undefined;
  const ids = new Set(open.map(({ id }) => id));
  const others = services
    .filter((service) => service.platform !== platform || service.site === "")
    .flatMap(({ asks, tasks }) => tasks.filter(({ node }) => ids.has(node ?? "")).map(() => asks.memory));
  const total = open.reduce((sum, { memory }) => sum + memory, 0);
  return Math.max(0, total - others.reduce((sum, memory) => sum + memory, 0));
}
