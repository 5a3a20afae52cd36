/** All that the edge needs to know of the platform: plain data, rendered to Caddy's JSON by `caddy.ts`. */
export interface EdgeModel {
  platform: string;
  /**
   * The platform's domain, in ASCII. Unknown names directly under it get a page that says so over TLS; without it, as under any
   * other domain, there is no certificate to say it with and the handshake fails.
   */
  domain?: string;
  /** The ports visitors use. Inside the edge's container they are always 8080 and 8443. */
  ports: { http: number; https: number };
  tls: { issuer: "internal" };
  /** Sorted by site name, so that the same sites render to the same bytes. */
  sites: SiteRoutes[];
}

/** What the edge does for one site. Hosts are in ASCII (punycode). */
export interface SiteRoutes {
  site: string;
  title: string;
  /** The canonical host: pages are answered here. */
  host: string;
  /** Every other host of the site: redirects to the canonical one, path kept. */
  aliases: string[];
  /** `retired`: every host redirects to `to`, over TLS, with the given status. */
  upstream:
    | { kind: "service"; name: string; port: number }
    | { kind: "proxy"; url: string }
    | { kind: "retired"; to: string; status: 301 | 302 | 307 | 308 };
  /** In the order of the file; the first that matches wins. `from` may end in `/*`; `:splat` in `to` is what `*` matched. */
  redirects: Redirect[];
  /** Response headers set on every answer; `null` removes one that would be set by default. */
  headers: Record<string, string | null>;
}

export interface Redirect {
  from: string;
  to: string;
  status: 301 | 302 | 307 | 308;
}

/** {@link SiteRoutes} while the site's concerns fill it in. */
export type RouteDraft = SiteRoutes;

/** Every host of a site, the canonical one first. */
export function hosts(site: SiteRoutes): string[] {
  return [...new Set([site.host, ...site.aliases])];
}

/** Every host of several sites, once: Caddy refuses a list in which one is repeated. */
export function allHosts(sites: SiteRoutes[]): string[] {
  return [...new Set(sites.flatMap(hosts))];
}

/**
 * Routes that stay beside those of sites that change. A host that a changed site has now is that site's, as the files say: the site that
 * had it goes on with its other ones, under the next of them where it was the canonical one, and has no routes where it was its only one.
 */
export function giveWay(kept: SiteRoutes[], changed: SiteRoutes[]): SiteRoutes[] {
  const taken = new Set(allHosts(changed));
  return kept.flatMap((site) => {
    const had = hosts(site);
    const left = had.filter((host) => !taken.has(host));
    const [host, ...aliases] = left;
    if (host === undefined) return [];
    return left.length === had.length ? [site] : [{ ...site, host, aliases }];
  });
}
