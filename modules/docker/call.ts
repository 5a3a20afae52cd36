import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { parseDuration } from "../units/index.ts";
import { diskFull } from "./disk.ts";
import { isLeaderless, noQuorum } from "./quorum.ts";

/** Of a call's URL; an object is sent as JSON, as the API wants its filters. */
export type Query = Record<string, string | number | boolean | object>;

/** How long a read goes on trying while the daemon is restarted or a connection breaks, in ms. */
const PATIENCE = 20_000;
/** The same while managers choose a leader, in ms. One that was away and comes back has them choose anew, which has taken 25 s. */
const LEADER_PATIENCE = 60_000;
const PAUSE = 250;
/** After how many ms without an answer a call counts as broken: the daemon may have taken it, and never say so. */
const CALL_LIMIT = 60_000;

/**
 * One GET call to the Engine API. It changes nothing, so one whose connection breaks is made again.
 *
 * @throws TerraceError `TERRACE_POOL_NO_QUORUM` where the Swarm has no leader, and gets none
 */
export async function get<T>(docker: Dockerode, path: string, query: Query = {}): Promise<T> {
  const started = Date.now();
  for (;;) {
    try {
      return await call<T>(docker, "GET", path, query);
    } catch (error) {
      if (!isBroken(error)) throw error;
      const leaderless = isLeaderless(error);
      if (Date.now() > started + (leaderless ? LEADER_PATIENCE : PATIENCE)) throw leaderless ? noQuorum() : error;
      await sleep(PAUSE);
    }
  }
}

/** Whether a call's outcome is unknown: its connection broke, or the daemon has no Swarm to answer with just now. */
export function isBroken(error: unknown): boolean {
  const { name, code, statusCode, message } = error as {
    name?: string;
    code?: string;
    statusCode?: number;
    message?: string;
  };
  if (statusCode !== undefined) return statusCode === 503 || isLeaderless(error);
  return (
    code === "TERRACE_DOCKER_UNREACHABLE" ||
    name === "AbortError" ||
    /^(ECONNRESET|ECONNREFUSED|EPIPE|ENOENT|ETIMEDOUT)$/.test(code ?? "") ||
    /socket hang up|aborted/.test(message ?? "")
  );
}

/** One GET call whose answer is not JSON. */
export async function getBytes(docker: Dockerode, path: string, query: Query = {}): Promise<Buffer> {
  // The log of a node that is out of reach may never come to its end.
  const abortSignal = AbortSignal.timeout(callLimit());
  const stream = await dial<AsyncIterable<Buffer>>(docker, { path, method: "GET", isStream: true, abortSignal }, query);
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** One call to the Engine API with a JSON body and a JSON answer. */
export function call<T>(
  docker: Dockerode,
  method: "GET" | "POST" | "DELETE",
  path: string,
  query: Query = {},
  body: object = {},
): Promise<T> {
  return dial(docker, { path, method }, query, body);
}

function dial<T>(
  docker: Dockerode,
  request: { path: string; method: string; isStream?: boolean; abortSignal?: AbortSignal },
  query: Query,
  body: object = {},
): Promise<T> {
  const options = {
    ...request,
    path: `${request.path}?`,
    options: { _query: query, _body: body },
    statusCodes: { 200: true, 201: true, 204: true },
    ...(request.isStream !== true && { abortSignal: AbortSignal.timeout(callLimit()) }),
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(options as unknown as Parameters<typeof docker.modem.dial>[0], (error, answer) => {
      const what = `${request.method} ${request.path}`;
      if (error) reject(diskFull(String(error), what, error) ?? unanswered(what, error) ?? (error as Error));
      else resolve(answer as T);
    });
  });
}

/** What a call whose connection broke says to whoever gave the command, should nobody make it again. */
function unanswered(what: string, error: unknown): TerraceError | undefined {
  if ((error as { statusCode?: number }).statusCode !== undefined || !isBroken(error)) return undefined;
  return new TerraceError("TERRACE_DOCKER_UNREACHABLE", "Docker Engine does not answer", {
    where: what,
    why: error instanceof Error ? error.message : String(error),
    next: "start it, and look into its log for why it stopped; then run this again: it goes on where it stopped",
    cause: error,
  });
}

/** `TERRACE_DOCKER_TIMEOUT`, a time like `90s`, is for daemons that need longer. */
function callLimit(): number {
  return parseDuration(process.env.TERRACE_DOCKER_TIMEOUT ?? "") ?? CALL_LIMIT;
}

/** Of a stream: how much longer than a call it may be silent. A step of a build can take minutes without a word. */
const SILENCE = 10;

/** Ends a stream that has been silent for too long: {@link alive} is to be called at every sign of life, {@link done} at the end. */
export function silenceLimit(): { signal: AbortSignal; alive(): void; done(): void } {
  const abort = new AbortController();
  const end = () => abort.abort(new DOMException("Docker Engine has been silent for too long", "AbortError"));
  const limit = callLimit() * SILENCE;
  let timer = setTimeout(end, limit);
  const done = () => clearTimeout(timer);
  const alive = () => {
    done();
    timer = setTimeout(end, limit);
  };
  return { signal: abort.signal, alive, done };
}
