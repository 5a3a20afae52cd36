import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * What happens at a call: its connection breaks `before` Docker sees it or `after` Docker has done it, its answer is `lost` although
 * the connection stays, or something is done `meanwhile`, before Docker sees it, or `instead`, after Docker has done it and in the place
 * of an answer.
 */
export type Fault = "before" | "after" | "lost" | { meanwhile: () => Promise<unknown> } | { instead: () => void };

/** Which calls are counted. */
export type Counted = (call: string) => boolean;

export const EVERY: Counted = () => true;
export const WRITES: Counted = (call) => !call.startsWith("GET ");

/** A socket that passes every call on to Docker, keeps their names, and breaks the one that it is told to. */
export class FaultySocket {
  readonly path = join(tmpdir(), `terrace-faulty-${randomUUID().slice(0, 8)}.sock`);
  readonly #server: Server;
  /** Calls since {@link arm}, as `METHOD /path` without the version. */
  calls: string[] = [];
  /** Status of each answer, in the order in which they came, as `STATUS METHOD /path`. */
  answers: string[] = [];
  /** The call that met the fault. */
  met: string | undefined;
  /** Calls whose connection breaks for as long as this says so, counted or not. */
  refused: Counted = () => false;
  #at = 0;
  #counted: Counted = EVERY;
  #fault: Fault = "before";

  constructor(target = "/var/run/docker.sock") {
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (incoming, answer) =>
      this.#pass(target, incoming, answer).catch(() => incoming.socket.destroy()),
    );
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
    return this;
  }

  /** Counts from zero again, and breaks call number `at` (from 1; 0 for none) of those that are counted. */
  arm(at: number, fault: Fault = "before", counted: Counted = EVERY): void {
    this.calls = [];
    this.answers = [];
    this.met = undefined;
    this.#at = at;
    this.#counted = counted;
    this.#fault = fault;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }

  #faultOf(name: string): Fault | undefined {
    this.calls.push(name);
    if (!this.#counted(name) || this.calls.filter(this.#counted).length !== this.#at) return undefined;
    this.met = name;
    return this.#fault;
  }

  async #pass(target: string, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = incoming;
    const name = `${method} ${url.replace(/^\/v[\d.]+/, "").replace(/\?.*/, "")}`;
    const fault = this.#faultOf(name);
    if (fault === "before" || this.refused(name)) {
      incoming.socket.destroy();
      return;
    }
    if (typeof fault === "object" && "meanwhile" in fault) await fault.meanwhile();
    const call = request({ socketPath: target, method, path: url, headers }, (reply) => {
      this.answers.push(`${reply.statusCode} ${name}`);
      if (fault === undefined || (typeof fault === "object" && "meanwhile" in fault)) {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
        return;
      }
      reply.resume();
      reply.on("end", () => {
        if (typeof fault === "object") fault.instead();
        if (fault !== "lost") incoming.socket.destroy();
      });
    });
    call.on("error", () => incoming.socket.destroy());
    incoming.pipe(call);
  }
}
