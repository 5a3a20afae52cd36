import { get as httpGet } from "node:http";
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { EDGE } from "../edge/index.ts";

/** Where an edge answers, as a visitor reaches it. */
export interface EdgeAddress {
  /** IP address or host name of the node. */
  host: string;
  http: number;
  https: number;
}

/** What a visitor of a site gets. */
export interface Visit {
  /** HTTP status; 0 where there was no answer. */
  status: number;
  /** Where a redirect leads. */
  location: string | undefined;
  /** ms from the start of the connection to the first byte of the answer. */
  time: number;
  /** When the certificate ends, ISO 8601. */
  certificateUntil: string | undefined;
  /** Why there was no answer, or why it can't be trusted. */
  error: string | undefined;
}

/**
 * Visits `https://NAME/` at one edge, as a browser would: TLS with the name, checked against the platform's root.
 *
 * @param root PEM of the certificate authority; the system's are used where it is undefined; `unchecked` where nobody can tell
 * @param limit ms
 */
export function visit(edge: EdgeAddress, name: string, root: string | undefined, limit = 8000): Promise<Visit> {
  const started = performance.now();
  return new Promise((resolve) => {
    let certificateUntil: string | undefined;
    const done = (part: Partial<Visit>) =>
      resolve({
        status: 0,
        location: undefined,
        error: undefined,
        certificateUntil,
        time: Math.round(performance.now() - started),
        ...part,
      });
    const authority = edge.https === 443 ? name : `${name}:${edge.https}`;
    const call = request(
      {
        host: edge.host,
        port: edge.https,
        servername: name,
        path: "/",
        headers: { host: authority, "user-agent": "terrace-probe" },
        ...(root === "unchecked" ? { rejectUnauthorized: false } : { ca: root }),
        agent: false,
        timeout: limit,
      },
      (answer) => {
        const until = (answer.socket as TLSSocket).getPeerCertificate().valid_to;
        if (until !== undefined) certificateUntil = new Date(until).toISOString();
        answer.resume();
        const status = answer.statusCode ?? 0;
        done({
          status,
          location: answer.headers.location,
          error: status === EDGE.noRoute ? "the edge has no route to it" : undefined,
        });
      },
    );
    call.on("timeout", () => call.destroy(new Error(`no answer within ${limit / 1000} s`)));
    call.on("error", (error) => done({ error: error.message }));
    call.end();
  });
}

/** The revision of the routes that an edge runs now; `undefined` where it does not answer. */
export function edgeRevision(edge: EdgeAddress, limit = 2000): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = httpGet(
      {
        host: edge.host,
        port: edge.http,
        path: "/",
        headers: { host: EDGE.revisionHost },
        agent: false,
        timeout: limit,
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (piece: string) => {
          body += piece;
        });
        answer.on("end", () => resolve(answer.statusCode === 200 ? body.trim() : undefined));
        answer.on("error", () => resolve(undefined));
      },
    );
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(undefined));
  });
}
