import { type JsonObject, literal, type Route } from "./json.ts";
import { allHosts, type EdgeModel, hosts, type SiteRoutes } from "./routes.ts";

/** Set on every answer, whatever the site says. */
const ALWAYS = { "X-Content-Type-Options": "nosniff" };
/** Set where the site's own server didn't say anything: it may know better. */
const UNLESS_SET = {
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "X-Frame-Options": "SAMEORIGIN",
};
/** Tells attackers what to try, and nobody else anything. */
const NEVER = ["Server", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Powered-By"];
const HSTS = "Strict-Transport-Security";
/** One year. Neither subdomains nor preload: one site's file must not speak for names that aren't its own. */
const HSTS_VALUE = "max-age=31536000";

/**
 * Routes that set the response headers of every site: once for all sites that are content with the defaults, and one more for
 * each site with headers of its own. In a site's file a string is always sent exactly so, and `null` is never sent. There is no
 * default Content-Security-Policy: none exists that helps and can't break a site that was made without one.
 */
export function headerRoutes(model: EdgeModel): Route[] {
  const own = model.sites.filter((site) => Object.keys(site.headers).length > 0);
  const defaults: Route = { handle: handlers({}, model) };
  if (own.length > 0) defaults.match = [{ not: [{ host: allHosts(own) }] }];
  return [defaults, ...own.map((site) => ({ match: [{ host: hosts(site) }], handle: handlers(site.headers, model) }))];
}

function handlers(own: SiteRoutes["headers"], model: EdgeModel): JsonObject[] {
  const chosen = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const free = ([name]: [string, string]) => !chosen.has(name.toLowerCase());
  const always: [string, string][] = Object.entries(
    strictTransport(model) ? { ...ALWAYS, [HSTS]: HSTS_VALUE } : ALWAYS,
  );
  const given = Object.entries(own).flatMap(([name, value]): [string, string][] =>
    value === null ? [] : [[name, value]],
  );
  const removed = Object.keys(own).filter((name) => own[name] === null);
  const kept = NEVER.filter((name) => !chosen.has(name.toLowerCase()));
  const set = Object.fromEntries(
    [...always.filter(free), ...given].sort(byName).map(([name, value]) => [name, [literal(value)]]),
  );
  const forced = { handler: "headers", response: { deferred: true, delete: [...kept, ...removed].sort(), set } };
  const unlessSet = Object.entries(UNLESS_SET).filter(free);
  return [forced, ...unlessSet.map(([name, value]) => whereMissing(name, value))];
}

function whereMissing(name: string, value: string): JsonObject {
  return { handler: "headers", response: { require: { headers: { [name]: null } }, set: { [name]: [value] } } };
}

/**
 * Browsers that learned strict transport keep a port that was typed: `http://site:8080` becomes `https://site:8080`, and port 80
 * always becomes 443. On other ports than these two the header would lead visitors to a port where nobody answers.
 */
function strictTransport(model: EdgeModel): boolean {
  return model.ports.http === 80 && model.ports.https === 443;
}

function byName([one]: [string, string], [other]: [string, string]): number {
  return one < other ? -1 : 1;
}
