import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, type Json } from "./engine-api-forms.ts";
import { asAnsweredBy, versionAnswer } from "./engine-api-modern.ts";
import { type ApiAnswer, routes } from "./engine-api-routes.ts";
import { SimulatedSwarm } from "./engine-api-swarm.ts";

/** One call that the simulated engine was made. */
export interface SeenCall {
  method: string;
  /** Without the API version and the query. */
  path: string;
  /** The API version that was asked for, e.g. `1.41`. */
  version: string | undefined;
}

/**
 * What goes wrong at a call: its connection breaks before it is done or after, the daemon is busy for `ms`, or it answers with an
 * error.
 */
export type ApiFault = "before" | "after" | { ms: number } | { status: number; message: string };

export interface EngineApiOptions {
  /** ms from a task's creation until it runs. Default 50. */
  startup?: number;
  /** Newest and oldest API version that it says it speaks. Default 1.41 and 1.12, as Engine 20.10. */
  versions?: { newest: string; oldest: string };
}

/**
 * A Docker Engine that exists only as its API, on a socket of its own: it keeps services, networks, secrets, configs and images in
 * memory and answers the calls that Terrace makes as Engine 20.10 does, down to the defaults that it adds to a specification, or as
 * a newer one does where it is told so.
 * `DOCKER_HOST` set to {@link host} makes any client use it. Nothing runs in it.
 */
export class EngineApi {
  readonly swarm: SimulatedSwarm;
  /** Every call since the last {@link forget}, in the order of arrival. */
  calls: SeenCall[] = [];
  /** ms of work for answering, since the last {@link forget}. */
  busy = 0;
  readonly #socket = join(tmpdir(), `terrace-engine-api-${randomUUID().slice(0, 8)}.sock`);
  readonly #server: Server;
  readonly #versions: { newest: string; oldest: string };
  readonly #compiled = routes.map((route) => ({ ...route, expression: toExpression(route.pattern) }));
  readonly #faults = new Map<number, ApiFault>();

  constructor({ startup = 50, versions = { newest: "1.41", oldest: "1.12" } }: EngineApiOptions = {}) {
    this.swarm = new SimulatedSwarm(startup);
    this.#versions = versions;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (incoming, answer) => {
      this.#answer(incoming, answer).catch((error) => incoming.socket.destroy(error as Error));
    });
  }

  /** For `DOCKER_HOST`. */
  get host(): string {
    return `unix://${this.#socket}`;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#socket, resolve));
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#socket, { force: true });
  }

  /** Counts calls from zero again; faults that were not met are gone. */
  forget(): void {
    this.calls = [];
    this.busy = 0;
    this.#faults.clear();
  }

  /** Call number `at`, counted from 1 since the last {@link forget}, meets a fault. */
  fail(at: number, fault: ApiFault): void {
    this.#faults.set(at, fault);
  }

  /** Calls that would change something. */
  get writes(): SeenCall[] {
    return this.calls.filter(({ method }) => method !== "GET" && method !== "HEAD");
  }

  /** How often each call was made, by `METHOD /path`. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { method, path } of this.calls) counts[`${method} ${path}`] = (counts[`${method} ${path}`] ?? 0) + 1;
    return counts;
  }

  async #answer(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = "GET" } = incoming;
    const url = new URL(incoming.url ?? "/", "http://engine");
    const [, version, path = "/"] = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(url.pathname) ?? [];
    this.calls.push({ method, path, version });
    const fault = this.#faults.get(this.calls.length);
    if (fault === "before") return void incoming.socket.destroy();
    const raw = await readAll(incoming);
    if (typeof fault === "object" && "ms" in fault) await sleep(fault.ms);
    const started = performance.now();
    const told =
      typeof fault === "object" && "status" in fault
        ? { status: fault.status, body: { message: fault.message } }
        : this.#run(method, path, version, url.searchParams, raw);
    const text =
      told.lines === undefined ? bodyText(told.body) : told.lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    this.busy += performance.now() - started;
    if (fault === "after") return void incoming.socket.destroy();
    answer.writeHead(told.status, { "content-type": "application/json", "api-version": this.#versions.newest });
    answer.end(text);
  }

  #run(method: string, path: string, version: string | undefined, query: URLSearchParams, raw: Buffer): ApiAnswer {
    try {
      if (version !== undefined) this.#checkVersion(version);
      if (path === "/_ping") return { status: 200 };
      if (path === "/version") return { status: 200, body: this.#version() };
      for (const route of this.#compiled) {
        const match = route.method === method ? route.expression.exec(path) : null;
        if (match === null) continue;
        const reference = decodeURIComponent(match[1] ?? "");
        const answer = route.run(this.swarm, { query, reference, body: parseBody(path, raw) });
        return method === "GET" ? { ...answer, body: asAnsweredBy(Number(version), path, answer.body) } : answer;
      }
      throw new ApiError(404, `page not found: the simulated engine has no ${method} ${path}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.status, body: { message: error.message } };
    }
  }

  #version(): Json {
    const { newest, oldest } = this.#versions;
    if (minorOf(newest) >= 44) return versionAnswer(newest, oldest);
    return { Version: "simulated", ApiVersion: newest, MinAPIVersion: oldest, Os: "linux", Arch: "amd64" };
  }

  #checkVersion(version: string): void {
    const { newest, oldest } = this.#versions;
    if (minorOf(version) > minorOf(newest)) {
      throw new ApiError(400, `client version ${version} is too new. Maximum supported API version is ${newest}`);
    }
    if (minorOf(version) < minorOf(oldest)) {
      const upgrade = "please upgrade your client to a newer version";
      throw new ApiError(
        400,
        `client version ${version} is too old. Minimum supported API version is ${oldest}, ${upgrade}`,
      );
    }
  }
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

/** A reference may hold slashes (an image's does); what follows it in the pattern ends it. */
function toExpression(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll("/", "\\/").replace("*", "(.+)")}$`);
}

/** A build's body is a tar, which nobody here unpacks. */
function parseBody(path: string, raw: Buffer): Json {
  if (raw.length === 0 || path === "/build") return {};
  try {
    return JSON.parse(raw.toString("utf8")) as Json;
  } catch {
    throw new ApiError(400, "invalid JSON in the body");
  }
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

function bodyText(body: unknown): string {
  return body === undefined ? "" : `${JSON.stringify(body)}\n`;
}
