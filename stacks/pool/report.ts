import { readFile } from "node:fs/promises";
import type Dockerode from "dockerode";
import {
  checkFit,
  type NodeUsage,
  type PoolState,
  type PoolUsage,
  type SiteUsage,
  usage,
} from "../../modules/capacity/index.ts";
import { readPool, readServicesUsed } from "../../modules/docker/index.ts";
import { type NodeUsed, parseUsed, readUsed, type Used } from "../../modules/nodes/index.ts";
import type { Platform } from "../../modules/platform/index.ts";
import { mapLimit } from "../limit.ts";
import { isCrowded } from "./spread.ts";

export interface PoolReport {
  usage: Omit<PoolUsage, "nodes" | "sites"> & {
    /** `used`: bytes; `undefined` where a node that it is on cannot be asked. */
    sites: (Omit<SiteUsage, "services"> & { used: number | undefined })[];
  };
  nodes: (NodeUsage & {
    roles: string[];
    /** `undefined` where it cannot be asked. */
    used: Used | undefined;
  })[];
  /** What the loss of one node would mean, a sentence each. */
  warnings: string[];
}

/** How full the pool is. Writes nothing. */
export async function readPoolReport(docker: Dockerode, { pool }: Platform, root: string): Promise<PoolReport> {
  const state = await readPool(docker);
  const { nodes, sites, ...rest } = usage(state);
  const declared = new Map(pool.nodes.map((node) => [node.name, node]));
  const asked = await mapLimit(16, nodes, async ({ node }) => {
    const known = declared.get(node.name);
    if (known !== undefined) return readUsed(known, root);
    return pool.driver === "local" && nodes.length === 1 ? readOwn(docker) : undefined;
  });
  const byName = new Map(nodes.map(({ node }, index) => [node.name, asked[index]]));
  const rows = nodes.map((row, index) => {
    const roles = [row.node.leader ? "leader" : row.node.role, ...(row.node.edge ? ["edge"] : [])];
    const { memory, load } = asked[index] ?? {};
    return { ...row, roles, used: memory === undefined || load === undefined ? undefined : { memory, load } };
  });
  const warnings = [...checkFit(state, []).warnings, ...crowdedWarnings(state)];
  return { usage: { ...rest, sites: sites.map((site) => withUsed(site, byName)) }, nodes: rows, warnings };
}

function withUsed({ services, ...site }: SiteUsage, nodes: ReadonlyMap<string, NodeUsed | undefined>) {
  const on = site.nodes.map((name) => nodes.get(name)?.services);
  const sum = (used: ReadonlyMap<string, number>) => services.reduce((bytes, id) => bytes + (used.get(id) ?? 0), 0);
  const known = on.filter((used) => used !== undefined);
  const used = known.length < on.length ? undefined : known.reduce((bytes, each) => bytes + sum(each), 0);
  return { ...site, used };
}

/** Services that the loss of one node would take away, although they have containers enough for more. */
function crowdedWarnings(state: PoolState): string[] {
  const crowded = state.services.filter((service) => service.platform !== "" && isCrowded(service, state));
  return crowded.map(({ name, site, tasks }) => {
    const names = state.nodes.filter(({ id }) => tasks.some(({ node }) => node === id)).map((node) => node.name);
    const on = names.join(", ") || "no node";
    return `${site || name}: its ${tasks.length} containers are on ${on} only; terrace pool activate spreads them`;
  });
}

/** What this machine uses, where it is the pool; an engine elsewhere (`DOCKER_HOST`) can't be asked. */
async function readOwn(docker: Dockerode): Promise<NodeUsed | undefined> {
  if ((process.env.DOCKER_HOST ?? "") !== "") return undefined;
  const texts = await Promise.all(
    ["/proc/meminfo", "/proc/loadavg"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const used = parseUsed(texts.join(""));
  return used && { ...used, services: await readServicesUsed(docker) };
}
