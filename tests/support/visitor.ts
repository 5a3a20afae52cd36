import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface Answer {
  status: number;
  location: string | undefined;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** What a load saw. */
export interface LoadReport {
  requests: number;
  /** Every other answer than a good one, and every error, with its time. */
  failures: string[];
  /** Bodies in the order in which they first appeared. */
  bodies: string[];
  /** Requests sent again because the kept connection they went out on was just being closed: what every browser does by itself. */
  again: number;
}

/** Visits that go on until they are stopped. */
export interface Load {
  /** What they have seen so far. */
  load: LoadReport;
  stop(): Promise<void>;
}

interface Visits {
  /** ms from one visit to the next. */
  every: number;
  good: number[];
  load: LoadReport;
  state: { done: boolean };
}

/** Someone who visits a platform's sites as a browser would, trusting its root alone. */
export class Visitor {
  /** PEM. */
  root: string | undefined;
  readonly ports: { http: number; https: number };
  readonly #domain: string;
  readonly #agents: https.Agent[] = [];

  constructor(domain: string, ports: { http: number; https: number }) {
    this.#domain = domain;
    this.ports = ports;
  }

  /** A bare label stands under the platform's domain. */
  host(name: string): string {
    return name.includes(".") ? name : `${name}.${this.#domain}`;
  }

  url(name: string, path = "/"): string {
    return `https://${this.host(name)}:${this.ports.https}${path}`;
  }

  /** GET over TLS. Redirects are not followed. */
  get(name: string, path = "/", agent: https.Agent | false = false): Promise<Answer> {
    return this.#send(name, path, agent);
  }

  /** POST over TLS: fields as a form, bytes as they are. */
  post(name: string, path: string, body: Record<string, string> | Buffer, agent: https.Agent | false = false) {
    const form = !Buffer.isBuffer(body);
    const bytes = form ? Buffer.from(new URLSearchParams(body).toString()) : body;
    return this.#send(name, path, agent, {
      type: form ? "application/x-www-form-urlencoded" : "application/octet-stream",
      bytes,
    });
  }

  #send(name: string, path: string, agent: https.Agent | false, body?: { type: string; bytes: Buffer }) {
    const host = this.host(name);
    const sent = body && { "content-type": body.type, "content-length": body.bytes.length };
    const options: https.RequestOptions = {
      method: body === undefined ? "GET" : "POST",
      host: "127.0.0.1",
      port: this.ports.https,
      servername: host,
      path,
      headers: { host: `${host}:${this.ports.https}`, ...sent },
      agent,
      timeout: 10_000,
    };
    if (this.root !== undefined) options.ca = this.root;
    return new Promise<Answer>((resolve, reject) => finish(https.request(options), resolve, reject, body?.bytes));
  }

  /** GET without TLS. */
  plain(name: string, path = "/"): Promise<Answer> {
    const options = {
      host: "127.0.0.1",
      port: this.ports.http,
      path,
      headers: { host: this.host(name) },
      agent: false,
    };
    return new Promise((resolve, reject) => finish(http.request({ ...options, timeout: 10_000 }), resolve, reject));
  }

  /** GET over TLS until the answer is as wanted, `limit` ms at most. */
  async until(name: string, path: string, wanted: (answer: Answer) => boolean, limit = 60_000): Promise<Answer> {
    const end = Date.now() + limit;
    for (;;) {
      const answer = await this.get(name, path).catch(() => undefined);
      if (answer !== undefined && wanted(answer)) return answer;
      if (Date.now() > end) throw new Error(`${this.url(name, path)} still answers ${answer?.status}: ${answer?.body}`);
      await sleep(100);
    }
  }

  /** Visits a site's home page all the time, `rate` times a second over kept connections, until `work` is done and a second longer. */
  async during<T>(name: string, work: () => Promise<T>, rate = 200): Promise<{ result: T; load: LoadReport }> {
    const { load, stop } = this.steadily(name, { rate });
    try {
      await sleep(500);
      const result = await work();
      await sleep(1000);
      return { result, load };
    } finally {
      await stop();
    }
  }

  /** Visits a site's home page over kept connections until it is told to stop. `good` are the statuses that are no failures. */
  steadily(name: string, { rate = 50, good = [200] }: { rate?: number; good?: number[] } = {}): Load {
    const load: LoadReport = { requests: 0, failures: [], bodies: [], again: 0 };
    const agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
    this.#agents.push(agent);
    const state = { done: false };
    const workers = 4;
    const every = (1000 * workers) / rate;
    const visits = Array.from({ length: workers }, () => this.#visitOnAndOn(name, agent, { every, good, load, state }));
    const stop = async () => {
      state.done = true;
      await Promise.all(visits);
      agent.destroy();
    };
    return { load, stop };
  }

  async #visitOnAndOn(name: string, agent: https.Agent, { every, good, load, state }: Visits) {
    while (!state.done) {
      const started = performance.now();
      const when = `${name} at ${new Date().toISOString()}`;
      try {
        const { status, body } = await this.#getAsBrowsersDo(name, agent, load);
        if (!good.includes(status)) load.failures.push(`${when}: ${status}`);
        else if (!load.bodies.includes(body)) load.bodies.push(body);
      } catch (error) {
        load.failures.push(`${when}: ${error}`);
      }
      load.requests++;
      await sleep(Math.max(0, every - (performance.now() - started)));
    }
  }

  /**
   * A server may close an idle connection at the very moment in which a request goes out on it (RFC 9112, 9.3.1): the request is then
   * sent again, on a new one, for the server closes all of its idle connections at once.
   */
  async #getAsBrowsersDo(name: string, agent: https.Agent, load: LoadReport): Promise<Answer> {
    try {
      return await this.get(name, "/", agent);
    } catch (error) {
      const { code, reused } = error as NodeJS.ErrnoException & { reused?: boolean };
      if (reused !== true || (code !== "ECONNRESET" && code !== "EPIPE")) throw error;
      load.again++;
      return await this.get(name);
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }
}

function finish(
  call: http.ClientRequest,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
  body?: Buffer,
): void {
  call.on("response", (answer) => {
    let body = "";
    answer.setEncoding("utf8");
    answer.on("data", (piece: string) => {
      body += piece;
    });
    answer.on("error", reject);
    answer.on("end", () => {
      const { statusCode = 0, headers } = answer;
      resolve({ status: statusCode, location: headers.location, headers, body });
    });
  });
  call.on("timeout", () => call.destroy(new Error("no answer within 10 s")));
  call.on("error", (error) => reject(Object.assign(error, { reused: call.reusedSocket })));
  call.end(body);
}
