import { createHash } from "node:crypto";
import type { JsonObject, Route } from "./json.ts";
import { oldServerProxy, serviceAddress } from "./proxy.ts";
import { moved, redirectRoutes, wireUrl } from "./redirects.ts";
import { allHosts, hosts, type SiteRoutes } from "./routes.ts";

/** More sites than this are looked up in two steps. */
const FLAT = 64;

/**
 * The routes of all sites. Caddy tries routes one after another, each a call within the call before: a thousand of them would
 * cost every visitor time and every connection memory. Many sites are therefore put into groups by a hash of their names, about
 * as many groups as there are sites in one; what a site's own route says never depends on which others exist.
 */
export function siteRoutes(sites: SiteRoutes[], httpsPort: number): Route[] {
  const render = (site: SiteRoutes) => routesOf(site, httpsPort);
  if (sites.length <= FLAT) return sites.flatMap(render);
  const groups = new Map<number, SiteRoutes[]>();
  const count = 2 ** Math.round(Math.log2(Math.sqrt(sites.length)));
  for (const site of sites) {
    const group = createHash("sha256").update(site.site).digest().readUInt32BE() % count;
    groups.set(group, [...(groups.get(group) ?? []), site]);
  }
  const ordered = [...groups.entries()].sort(([one], [other]) => one - other).map(([, group]) => group);
  return ordered.map((group) => ({
    match: [{ host: allHosts(group) }],
    handle: [{ handler: "subroute", routes: group.flatMap(render) }],
  }));
}

/** `https://HOST`, with the port where visitors need it. */
export function originOf(host: string, httpsPort: number): string {
  return httpsPort === 443 ? `https://${host}` : `https://${host}:${httpsPort}`;
}

function routesOf(site: SiteRoutes, httpsPort: number): Route[] {
  const origin = originOf(site.host, httpsPort);
  if (site.upstream.kind === "retired") {
    // Where single pages have a new address of their own, that is better than the front page.
    const away = moved(wireUrl(site.upstream.to), site.upstream.status);
    return [{ match: [{ host: hosts(site) }], handle: withRedirects(site, [away]), terminal: true }];
  }
  const pages: Route = { match: [{ host: [site.host] }], handle: withRedirects(site, answer(site.upstream, origin)) };
  if (site.aliases.length === 0) return [pages];
  const toCanonical = moved(`${origin}{http.request.uri}`, "{http.vars.moved}");
  return [pages, { match: [{ host: site.aliases }], handle: [toCanonical], terminal: true }];
}

function withRedirects(site: SiteRoutes, handle: JsonObject[]): JsonObject[] {
  if (site.redirects.length === 0) return handle;
  return [{ handler: "subroute", routes: [...redirectRoutes(site.redirects), { handle }] }];
}

function answer(upstream: Exclude<SiteRoutes["upstream"], { kind: "retired" }>, origin: string): JsonObject[] {
  if (upstream.kind === "proxy") return oldServerProxy(upstream.url, origin);
  return [{ handler: "vars", upstream: serviceAddress(upstream.name, upstream.port) }];
}
