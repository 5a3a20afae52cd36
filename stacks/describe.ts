import type { SiteRoutes } from "../modules/edge/index.ts";
import { objectName, siteStack } from "../modules/names/index.ts";
import { describeSite, type Site } from "../modules/site/index.ts";
import type { ServiceDraft } from "../modules/site/service.ts";

/** What a site's service and routes are to be on a day (`YYYY-MM-DD`). */
export function describe(platform: string, site: Site, date: string): { service: ServiceDraft; routes: SiteRoutes } {
  return describeSite(site, { date, upstream: objectName(platform, siteStack(site.name), "web") });
}
