import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { headerRoutes } from "./headers.ts";
import type { JsonObject, Route } from "./json.ts";
import { accessLog, logging } from "./logs.ts";
import { answerPage, PAGES } from "./pages.ts";
import { serviceProxy } from "./proxy.ts";
import { moved } from "./redirects.ts";
import { allHosts, type EdgeModel } from "./routes.ts";
import { originOf, siteRoutes } from "./sites.ts";

/** Where the edge's container listens, keeps its data, finds the internal root and is administered. */
export const EDGE = {
  httpPort: 8080,
  httpsPort: 8443,
  data: "/data/caddy",
  rootCertificate: "/tmp/root/ca.crt",
  rootKey: "/tmp/root/ca.key",
  /** A socket, so that no site that is proxied to `localhost` can reach the administration. */
  admin: "unix//tmp/caddy-admin.sock",
  /** The status for a name that no site has. */
  noRoute: 421,
  /** `GET /` with this host over HTTP answers the revision of the configuration that this edge really runs, and nothing older. */
  revisionHost: "edge.terrace.invalid",
  /** Where the edge writes that revision, in a file of this name, once Caddy has put the older configuration away. */
  loaded: { folder: "/tmp/loaded", file: "revision" },
  sysctls: {
    // A connection to a node that is lost ends after some 3 s without an answer, not after a quarter of an hour.
    "net.ipv4.tcp_retries2": "3",
    // With each configuration Caddy listens anew: what waits at the old socket goes to the new one, and is not reset.
    "net.ipv4.tcp_migrate_req": "1",
  },
} as const;

/** Bytes that a request's body must stay below, and the same as a pattern for what its header says. */
const BODY_LIMIT = 100_000_000;
const BODY_TOO_LARGE = "^[0-9]{9,}$";

export interface RenderedEdge {
  /** The first 12 hex digits of the SHA-256 of the configuration without its revision. */
  revision: string;
  caddy: JsonObject;
}

/** The edge's whole configuration. The same model gives the same bytes. */
export function renderEdge(model: EdgeModel): RenderedEdge {
  const mark = revisionMark("");
  const caddy = configuration(model, mark);
  const revision = createHash("sha256").update(JSON.stringify(caddy)).digest("hex").slice(0, 12);
  mark.revision = revision;
  return { revision, caddy };
}

/** Which configuration the model renders to, in 12 hex digits. */
export function revisionOf(model: EdgeModel): string {
  return renderEdge(model).revision;
}

/** The JSON for Caddy 2.6 and later. `revision` is what the edge answers to whoever asks which configuration it runs. */
export function renderCaddy(model: EdgeModel, revision: string): JsonObject {
  return configuration(model, revisionMark(revision));
}

/** The configuration as the edges fetch it: gzip of its JSON. */
export function encodeEdge(caddy: JsonObject): Buffer {
  return gzipSync(JSON.stringify(caddy), { level: 9 });
}

function configuration(unsorted: EdgeModel, mark: JsonObject): JsonObject {
  const sites = [...unsorted.sites].sort((one, other) => (one.site < other.site ? -1 : 1));
  const model = { ...unsorted, sites };
  const names = allHosts(sites).sort();
  return {
    admin: { listen: EDGE.admin, origins: ["localhost"], config: { persist: false } },
    logging: logging(),
    storage: { module: "file_system", root: EDGE.data },
    apps: {
      pki: pki(model.platform),
      tls: tls(model, names),
      http: {
        // On stop only: a reload never waits for, nor cuts, the requests under way.
        grace_period: "10s",
        servers: { http: httpServer(model, names, mark), https: httpsServer(model) },
      },
    },
  };
}

function pki(platform: string): JsonObject {
  return {
    certificate_authorities: {
      local: {
        name: `Terrace ${platform}`,
        root: { certificate: EDGE.rootCertificate, private_key: EDGE.rootKey, format: "pem_file" },
        intermediate_common_name: `Terrace ${platform} edge`,
        install_trust: false,
      },
    },
  };
}

function tls(model: EdgeModel, names: string[]): JsonObject {
  const automate = model.domain === undefined ? names : [`*.${model.domain}`, ...names];
  return {
    certificates: { automate },
    automation: {
      // The intermediate certificate lives 7 days and is renewed 34 hours before its end: 24 hours always fit in.
      policies: [{ issuers: [{ module: "internal", ca: "local", lifetime: "24h" }], disable_ocsp_stapling: true }],
      // Tidying takes a certificate that is just being made for rubbish, and a due one would run with each reload. The start of
      // the process tidies too, before it has any site.
      storage_clean_interval: "8760h",
    },
  };
}

/** For the edge's script, which reads it from the file that it loads. */
function revisionMark(revision: string): JsonObject {
  return { handler: "vars", revision };
}

/**
 * While Caddy loads a configuration, the servers of the older one go on for a moment beside the new ones. So what is told is what
 * the edge's script wrote when that was over.
 */
function tellRevision(): JsonObject[] {
  const { folder, file } = EDGE.loaded;
  return [
    { handler: "headers", response: { set: { "Cache-Control": ["no-store"] } } },
    { handler: "file_server", root: folder, index_names: [file] },
  ];
}

/** Sends every known host to HTTPS, and tells who asks which revision runs. */
function httpServer(model: EdgeModel, names: string[], mark: JsonObject): JsonObject {
  const secure = originOf("{http.request.host}", model.ports.https);
  const quiet: JsonObject = { handler: "headers", response: { deferred: true, delete: ["Server"] } };
  const known: Route = {
    match: [{ host: names }],
    handle: [moved(`${secure}{http.request.uri}`, "{http.vars.moved}")],
    terminal: true,
  };
  return {
    ...server(EDGE.httpPort),
    routes: [
      { match: [{ host: [EDGE.revisionHost] }], handle: [mark, ...tellRevision()], terminal: true },
      { handle: [quiet] },
      ...permanently(),
      ...(names.length > 0 ? [known] : []),
      { handle: [answerPage(PAGES.noSuchSite)] },
    ],
  };
}

function httpsServer(model: EdgeModel): JsonObject {
  const unknown: Route = {
    match: [{ vars: { upstream: [""] } }],
    handle: [answerPage(PAGES.noSuchSite, EDGE.noRoute)],
  };
  return {
    ...server(EDGE.httpsPort),
    protocols: ["h1", "h2"],
    tls_connection_policies: [{}],
    routes: [
      ...headerRoutes(model),
      ...permanently(),
      // Said beforehand where it can be: a body that is cut off under way looks like a fault of the site.
      {
        match: [{ header_regexp: { "Content-Length": { pattern: BODY_TOO_LARGE } } }],
        handle: [answerPage(PAGES.tooLarge)],
        terminal: true,
      },
      { handle: [{ handler: "vars", upstream: "" }, compress(), { handler: "request_body", max_size: BODY_LIMIT }] },
      ...siteRoutes(model.sites, model.ports.https),
      { ...unknown, terminal: true },
      { handle: [serviceProxy()] },
    ],
    // Caddy answers errors outside of the routes above: the headers are set here again.
    errors: { routes: [...headerRoutes(model), ...errorRoutes()] },
  };
}

function server(port: number): JsonObject {
  return {
    listen: [`:${port}`],
    automatic_https: { disable: true },
    read_header_timeout: "15s",
    idle_timeout: "2m",
    logs: accessLog(EDGE.revisionHost),
  };
}

/** The status of "moved for good": 301, which every crawler and old browser knows; 308 where the method must survive. */
function permanently(): Route[] {
  const safe = [{ method: ["GET", "HEAD"] }];
  return [
    { handle: [{ handler: "vars", moved: "301" }] },
    { match: [{ not: safe }], handle: [{ handler: "vars", moved: "308" }] },
  ];
}

function compress(): JsonObject {
  return { handler: "encode", encodings: { gzip: {}, zstd: {} }, prefer: ["zstd", "gzip"], minimum_length: 512 };
}

/** A site that nobody answers for is "unavailable, try again", whichever way the attempt failed. */
function errorRoutes(): Route[] {
  const on = (codes: string[], handle: JsonObject): Route => ({
    match: [{ vars: { "{http.error.status_code}": codes } }],
    handle: [handle],
    terminal: true,
  });
  return [
    on(["502", "503"], answerPage(PAGES.unavailable)),
    on(["504"], answerPage(PAGES.timeout)),
    on(["413"], answerPage(PAGES.tooLarge)),
  ];
}
