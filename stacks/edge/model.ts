import type { EdgeModel, SiteRoutes } from "../../modules/edge/index.ts";
import type { Platform } from "../../modules/platform/index.ts";

/** The part of the stack that holds the routes as plain data. */
export const ROUTES = "routes";

/** The edge's model of these sites. */
export function edgeModel(platform: Platform, sites: SiteRoutes[]): EdgeModel {
  const sorted = sites.toSorted((a, b) => (a.site < b.site ? -1 : 1));
  const { name, domain, edge: ports, tls } = platform;
  return { platform: name, domain, ports, tls: { issuer: tls.issuer }, sites: sorted };
}
