import { type AnyConcern, documentSchema, type Resolved, resolveAll } from "../core/document.ts";
import type { RouteDraft, SiteRoutes } from "../edge/routes.ts";
import { siteConcerns } from "./concerns.ts";
import type { ServiceDraft } from "./service.ts";

export { siteConcerns } from "./concerns.ts";

/** A site's file with every default filled. */
export interface Site extends Resolved<typeof siteConcerns> {
  /** The file's name without `.yaml`: a DNS label. */
  name: string;
}

export type SiteState = "planned" | "live" | "redirect";

const concerns: readonly AnyConcern[] = siteConcerns;

export const siteSchema = documentSchema(concerns);

/** Called only with what {@link siteSchema} accepted. `domain` is the platform's. */
export function resolveSite(name: string, typed: Readonly<Record<string, unknown>>, domain: string): Site {
  return { name, ...(resolveAll(concerns, typed, { name, domain }) as Resolved<typeof siteConcerns>) };
}

/** What the site is on a day (`YYYY-MM-DD`): computed from its file, never stored. */
export function siteState(site: Pick<Site, "retire">, date: string): SiteState {
  return site.retire !== undefined && date >= site.retire.redirect ? "redirect" : "live";
}

export interface DescribeContext {
  /** The day for which the site is described, `YYYY-MM-DD`. */
  date: string;
  /** The name under which the edge finds the site's service. */
  upstream: string;
}

/** What the site's service and its routes are to be on a day: every concern's part, one after another. */
export function describeSite(site: Site, context: DescribeContext): { service: ServiceDraft; routes: SiteRoutes } {
  const service = emptyService();
  for (const concern of concerns) concern.service?.(resolvedKey(site, concern), service);
  const routes: RouteDraft = {
    site: site.name,
    title: site.title,
    host: "",
    aliases: [],
    upstream: { kind: "service", name: context.upstream, port: service.port },
    redirects: [],
    headers: {},
  };
  for (const concern of concerns) concern.routes?.(resolvedKey(site, concern), routes);
  if (site.retire !== undefined && siteState(site, context.date) === "redirect") {
    service.source = { kind: "none" };
    routes.upstream = { kind: "retired", to: site.retire.to, status: site.retire.status };
  }
  return { service, routes };
}

function resolvedKey(site: Site, concern: AnyConcern): unknown {
  return (site as unknown as Record<string, unknown>)[concern.key];
}

function emptyService(): ServiceDraft {
  return {
    source: { kind: "none" },
    port: 8080,
    command: undefined,
    env: {},
    secrets: [],
    volumes: [],
    database: undefined,
    user: "10001:10001",
    health: undefined,
    replicas: 1,
    cpu: 0.25,
    memory: 64 * 2 ** 20,
  };
}
