import type { JsonObject } from "./json.ts";

/** Headers of requests that fill an access log, which is kept for a year, without saying who asked for what. */
const NOISE = [
  "Accept",
  "Accept-Encoding",
  "Accept-Language",
  "Cache-Control",
  "Connection",
  "Pragma",
  "Sec-Ch-Ua",
  "Sec-Ch-Ua-Mobile",
  "Sec-Ch-Ua-Platform",
  "Sec-Fetch-Dest",
  "Sec-Fetch-Mode",
  "Sec-Fetch-Site",
  "Sec-Fetch-User",
  "Upgrade-Insecure-Requests",
];

/**
 * One line of JSON for each request on standard output: time, address of the peer, method, host, path, status, size, duration,
 * user agent and referrer. Caddy blanks cookies and authorization. What goes wrong inside the edge goes to standard error.
 */
export function logging(): JsonObject {
  const dropped = [...NOISE.map((name) => `request>headers>${name}`), "request>tls", "resp_headers", "user_id"];
  const fields = Object.fromEntries(dropped.map((field) => [field, { filter: "delete" }]));
  const json = { format: "json", time_format: "rfc3339_nano" };
  return {
    logs: {
      default: { level: "WARN", exclude: ["http.log.access"], encoder: json },
      access: {
        writer: { output: "stdout" },
        include: ["http.log.access"],
        encoder: { format: "filter", wrap: json, fields },
      },
    },
  };
}

/** A server's part of the access log: everything but the platform's own question for the revision. */
export function accessLog(revisionHost: string): JsonObject {
  return { skip_hosts: [revisionHost] };
}
