import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What happens at a call: its connection breaks before Docker sees it, or after Docker has done it, or the caller is told of it. */
export type Fault = "before" | "after" | (() => void);

/** A socket that passes every call on to Docker, counts them, and breaks the one that it is told to. */
export class FaultySocket {
  readonly path = join(tmpdir(), `terrace-faulty-${randomUUID().slice(0, 8)}.sock`);
  readonly #server: Server;
  /** Calls since {@link arm}, as `METHOD /path` without the version. */
  calls: string[] = [];
  #at = 0;
  #fault: Fault = "before";

  constructor(target = "/var/run/docker.sock") {
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (incoming, answer) =>
      this.#pass(target, incoming, answer),
    );
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
    return this;
  }

  /** Counts from zero again, and breaks call number `at` (from 1; 0 for none). */
  arm(at: number, fault: Fault): void {
    this.calls = [];
    this.#at = at;
    this.#fault = fault;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }

  #pass(target: string, incoming: IncomingMessage, answer: ServerResponse): void {
    const { method = "GET", url = "/", headers } = incoming;
    this.calls.push(`${method} ${url.replace(/^\/v[\d.]+/, "").replace(/\?.*/, "")}`);
    const fault = this.calls.length === this.#at ? this.#fault : undefined;
    if (fault === "before") {
      incoming.socket.destroy();
      return;
    }
    const call = request({ socketPath: target, method, path: url, headers }, (reply) => {
      if (fault !== undefined) {
        reply.resume();
        reply.on("end", () => {
          if (typeof fault === "function") fault();
          incoming.socket.destroy();
        });
        return;
      }
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    call.on("error", () => incoming.socket.destroy());
    incoming.pipe(call);
  }
}
