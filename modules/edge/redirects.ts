import type { JsonObject, Route } from "./json.ts";
import type { Redirect } from "./routes.ts";

const SPLAT = ":splat";
/** Splits what is asked for, as the visitor encoded it: first the path without its slash, then `?` and the query or nothing. */
const REST = { vars_regexp: { "{http.request.uri}": { name: "rest", pattern: "^/([^?]*)(\\?.+)?" } } };
const CAPTURE = "{http.regexp.rest.1}";
const QUERY = "{http.regexp.rest.2}";

/**
 * The redirects of a site's file; the first that matches wins. `:splat` is what `*` stood for, percent-encoded as the visitor
 * sent it. The visitor's query is kept, unless the target has one of its own.
 *
 * A move to a new system brings thousands of single pages. They are one table, compared as text; only those with `*` are routes.
 */
export function redirectRoutes(redirects: Redirect[]): Route[] {
  const folders = redirects.filter(isFolder);
  const pages = new Map<string, Redirect>();
  redirects.forEach((redirect, index) => {
    const from = decoded(redirect.from);
    const hidden = redirects.slice(0, index).some((earlier) => isFolder(earlier) && from.startsWith(folderOf(earlier)));
    // The table comes before the folders: a page that an earlier folder covers must not be in it.
    if (!isFolder(redirect) && !hidden && !pages.has(from)) pages.set(from, redirect);
  });
  return [...(pages.size > 0 ? [pageRoute(pages)] : []), ...folders.map(folderRoute)];
}

/** A handler that answers with a redirect. Both may hold placeholders. */
export function moved(to: string, status: number | string): JsonObject {
  return { handler: "static_response", status_code: status, headers: { Location: [to] } };
}

/** A fixed URL as it goes on the wire: host in punycode, the rest percent-encoded, nothing in it that Caddy would replace. */
export function wireUrl(url: string): string {
  return encoded(/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? new URL(url).href : url);
}

function pageRoute(pages: Map<string, Redirect>): Route {
  const table = {
    handler: "map",
    source: "{http.request.uri.path}",
    destinations: ["{moved.to}", "{moved.status}"],
    mappings: [...pages].map(([input, { to, status }]) => ({ input, outputs: [location(to), String(status)] })),
    defaults: ["", ""],
  };
  const found: Route = {
    match: [{ not: [{ vars: { "{moved.to}": [""] } }], ...REST }],
    handle: [moved("{moved.to}", "{moved.status}")],
    terminal: true,
  };
  return { handle: [table, { handler: "subroute", routes: [found] }] };
}

function folderRoute(redirect: Redirect): Route {
  const folder = folderOf(redirect);
  const strip = { handler: "rewrite", strip_path_prefix: encoded(folder.slice(0, -1).replaceAll("%", "%25")) };
  const answer: Route = { match: [REST], handle: [moved(location(redirect.to), redirect.status)] };
  return {
    match: [{ path_regexp: { pattern: `^${quoted(folder)}` } }],
    handle: [{ handler: "subroute", routes: folder === "/" ? [answer] : [{ handle: [strip] }, answer] }],
    terminal: true,
  };
}

/** The target with what `*` matched and the visitor's query in their places; the query goes before a `#fragment`. */
function location(to: string): string {
  const [base = "", ...fragment] = wireUrl(to).split("#");
  const target = base.replaceAll(SPLAT, CAPTURE);
  return [base.includes("?") ? target : target + QUERY, ...fragment].join("#");
}

function isFolder(redirect: Redirect): boolean {
  return redirect.from.endsWith("/*");
}

/** `/old/*` -> `/old/` */
function folderOf(redirect: Redirect): string {
  return decoded(redirect.from.slice(0, -1));
}

/** A path as Caddy compares it: without percent-encoding. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Percent-encodes what may not stand in a URL, and braces, which Caddy would read as placeholders; leaves what is encoded. */
function encoded(text: string): string {
  const percent = (sign: string) => Array.from(Buffer.from(sign), (byte) => `%${hex(byte)}`).join("");
  return text.replace(/[^\u0021-\u007e]|["<>\\^`{|}]/gu, percent);
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
