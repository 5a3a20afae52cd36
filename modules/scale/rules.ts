import type { Rule } from "../config/types.ts";
import { type Site, siteState } from "../site/index.ts";
import { formatSize } from "../units/index.ts";

/** What is only fronted has no containers to scale. */
export const scaleWithoutService: Rule = {
  name: "scale-without-service",
  *check({ sites, typed }) {
    for (const site of sites) {
      if (site.serve.kind !== "proxy" || typed.get(site.name)?.scale === undefined) continue;
      const message = "has no effect with serve.proxy: the site's containers are not here";
      yield { site: site.name, severity: "warning", path: ["scale"], at: "key", message };
    }
  },
};

function databaseMemory({ serve }: Site): number {
  return serve.kind === "image" ? (serve.database?.memory ?? 0) : 0;
}

/** What each site reserves of the pool's memory on a day, in bytes, the largest first. */
export function reservations(sites: readonly Site[], date: string): { name: string; bytes: number }[] {
  return sites
    .filter((site) => site.serve.kind !== "proxy" && siteState(site, date) === "live")
    .map((site) => ({ name: site.name, bytes: site.scale.replicas * site.scale.memory + databaseMemory(site) }))
    .sort((a, b) => b.bytes - a.bytes);
}

/** All sites together fit into the pool. A warning: which site finds no room, the plan tells, and refuses that one only. */
export const poolMemory: Rule = {
  name: "pool-memory",
  *check({ sites, facts }) {
    if (facts.poolMemory === undefined) return;
    const shares = reservations(sites, facts.date);
    const total = shares.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total <= facts.poolMemory) return;
    const largest = shares.slice(0, 3).map(({ name, bytes }) => `${name} ${formatSize(bytes)}`);
    const message = `sites reserve ${formatSize(total)} of memory, the pool has ${formatSize(facts.poolMemory)}; the largest: ${largest.join(", ")}`;
    yield { site: undefined, severity: "warning", path: ["pool"], at: "key", message };
  },
};
