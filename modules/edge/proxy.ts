import { type JsonObject, literal } from "./json.ts";

/**
 * How a request travels to whoever answers it, the same for all sites. Times as Caddy writes them.
 *
 * The upstream is one name, looked up for each new connection: Docker's DNS gives the addresses of all running tasks in changing
 * order, and the dialler goes on to the next address when one refuses. Caddy's own list of DNS upstreams holds one lock for all
 * sites while it looks a name up, so that one site whose name answers slowly would hold up every other one; and its passive
 * health checks would count the failures of all sites against this one shared upstream. Neither is used.
 */
function proxy(dial: string, more: { transport?: JsonObject; headers?: JsonObject; patience?: string }): JsonObject {
  return {
    handler: "reverse_proxy",
    upstreams: [{ dial }],
    load_balancing: {
      // Where no connection was made nothing was sent, and any method is tried again; after that only the safe ones.
      try_duration: "5s",
      try_interval: "200ms",
      retry_match: [{ method: ["GET", "HEAD", "OPTIONS"] }],
    },
    transport: {
      protocol: "http",
      dial_timeout: more.patience ?? "2s",
      response_header_timeout: "60s",
      // Below the five seconds after which Node's server closes an idle connection: it must not close under a request.
      keep_alive: { idle_timeout: "4s", max_idle_conns_per_host: 128, probe_interval: "30s" },
      // What a site sends is passed on as it is; the edge compresses once, for the visitor.
      compression: false,
      ...more.transport,
    },
    headers: more.headers ?? { request: requestHeaders() },
  };
}

/** The one handler through which all services of sites are reached: their route only names the upstream. */
export function serviceProxy(): JsonObject {
  // A task on a node that was just lost is in the DNS for some seconds more: within these, another one is found.
  return proxy("{http.vars.upstream}", { patience: "500ms" });
}

/** The trailing dot keeps the host's search domains out of the look-up. */
export function serviceAddress(name: string, port: number): string {
  return `${literal(name)}.:${port}`;
}

/**
 * Handlers for a site that still lives on its old server: it is called by its own name, and where it sends the visitor to that
 * name the edge puts the site's. `origin` is the site's own, e.g. `https://finance.honghe.localhost`.
 */
export function oldServerProxy(url: string, origin: string): JsonObject[] {
  const target = new URL(url);
  const secure = target.protocol === "https:";
  const port = target.port === "" ? (secure ? "443" : "80") : target.port;
  const folder = target.pathname.replace(/\/$/, "");
  const rewrite = {
    handler: "rewrite",
    path_regexp: [{ find: "^/", replace: `${literal(folder).replaceAll("$", "$$$$")}/` }],
  };
  const headers = {
    request: requestHeaders({ Host: [target.host] }),
    response: { replace: { Location: [{ search_regexp: ownLocation(target, folder), replace: `${origin}$1` }] } },
  };
  const forward = proxy(`${target.hostname}:${port}`, { transport: secure ? { tls: {} } : {}, headers });
  return folder === "" ? [forward] : [rewrite, forward];
}

/** What a visitor's program claims about addresses is not passed on. Caddy sets `X-Forwarded-*` itself. */
function requestHeaders(set: JsonObject = {}): JsonObject {
  return { delete: ["Forwarded"], set: { ...set, "X-Real-IP": ["{http.request.remote.host}"] } };
}

function ownLocation(target: URL, folder: string): string {
  const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const port = target.port === "" ? `(?::${target.protocol === "https:" ? 443 : 80})?` : `:${target.port}`;
  return `(?i)^${target.protocol}//${quoted(target.hostname)}${port}${quoted(folder)}(/|$)`;
}
