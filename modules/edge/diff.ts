import { isDeepStrictEqual } from "node:util";
import type { SiteRoutes } from "./routes.ts";

export interface RouteChange {
  /** Dotted path within the site's routes, e.g. `redirects.0.to`. */
  path: string;
  /** Absent where there was nothing. */
  before?: unknown;
  /** Absent where there will be nothing. */
  after?: unknown;
}

export interface RouteDiff {
  site: string;
  action: "create" | "update" | "delete";
  changes: RouteChange[];
}

/** What changes at the edge from one set of sites to another, sorted by site. Sites that stay as they are aren't listed. */
export function diffRoutes(before: SiteRoutes[], after: SiteRoutes[]): RouteDiff[] {
  const old = new Map(before.map((site) => [site.site, site]));
  const wanted = new Map(after.map((site) => [site.site, site]));
  const names = [...new Set([...old.keys(), ...wanted.keys()])].sort();
  return names.flatMap((site): RouteDiff[] => {
    const [one, other] = [old.get(site), wanted.get(site)];
    const changes = [...compare("", described(one), described(other)), ...reordered(one, other)];
    const action = one === undefined ? "create" : other === undefined ? "delete" : "update";
    return changes.length === 0 ? [] : [{ site, action, changes }];
  });
}

/** Redirects by their path, so that taking one out of the middle doesn't look like a change of all that follow. */
function described(site: SiteRoutes | undefined): unknown {
  if (site === undefined) return undefined;
  const { site: _name, redirects, ...rest } = site;
  return { ...rest, redirects: Object.fromEntries(redirects.map(({ from, ...redirect }) => [from, redirect])) };
}

/** The first redirect that matches wins: a new order of those that stay is a change too. */
function reordered(one: SiteRoutes | undefined, other: SiteRoutes | undefined): RouteChange[] {
  const [before, after] = [one?.redirects ?? [], other?.redirects ?? []].map((each) => each.map(({ from }) => from));
  const stayed = before?.filter((from) => after?.includes(from));
  return compare(
    "redirects.order",
    stayed,
    after?.filter((from) => before?.includes(from)),
  );
}

function compare(path: string, before: unknown, after: unknown): RouteChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isRecord(before) && !isRecord(after)) {
    return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
  }
  const one = isRecord(before) ? before : {};
  const other = isRecord(after) ? after : {};
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.flatMap((key) => compare(path === "" ? key : `${path}.${key}`, one[key], other[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
