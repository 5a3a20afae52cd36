import { allHosts } from "../domains/index.ts";
import type { Site } from "../site/index.ts";
import { matchRedirect } from "./index.ts";

/** What sends a visitor on: a site's redirect by its index, or its retirement. */
export interface Hop {
  site: Site;
  by: number | "retire";
}

/** Sites by each of their hosts. */
export function hostOwners(sites: readonly Site[]): Map<string, Site> {
  return new Map(sites.flatMap((site) => allHosts(site.domains).map(({ ascii }) => [ascii, site] as const)));
}

/** The site that a redirect's target is on: `from` for a path, another one for its URL, `undefined` outside of all. */
export function targetOf(
  to: string,
  from: Site,
  owners: ReadonlyMap<string, Site>,
): { site: Site; path: string } | undefined {
  if (to.startsWith("/")) return { site: from, path: to.replace(/[?#].*$/, "") };
  const url = new URL(to);
  const site = owners.get(url.hostname);
  return site && { site, path: url.pathname };
}

/** Does the way that begins with a hop come back to it? A retirement counts as if its day had come. */
export function returns(start: Hop, owners: ReadonlyMap<string, Site>): boolean {
  const seen = new Set<string>();
  let hop: Hop | undefined = start;
  let splat = "~";
  while (hop !== undefined) {
    const id: string = `${hop.site.name}#${hop.by}`;
    if (seen.has(id)) return hop.site === start.site && hop.by === start.by;
    seen.add(id);
    const to: string | undefined = hop.by === "retire" ? hop.site.retire?.to : hop.site.redirects[hop.by]?.to;
    const target: { site: Site; path: string } | undefined =
      to === undefined ? undefined : targetOf(to.replaceAll(":splat", splat), hop.site, owners);
    const next: (Hop & { splat: string }) | undefined = target && nextHop(target.site, target.path);
    splat = next?.splat ?? "";
    hop = next;
  }
  return false;
}

/** What answers a path of a site, if that is not a page. */
export function nextHop(site: Site, path: string): (Hop & { splat: string }) | undefined {
  for (const [index, redirect] of site.redirects.entries()) {
    const splat = matchRedirect(redirect, path);
    if (splat !== undefined) return { site, by: index, splat };
  }
  return site.retire === undefined ? undefined : { site, by: "retire", splat: "" };
}
