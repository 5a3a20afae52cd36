import type Dockerode from "dockerode";
import { get } from "./call.ts";
import type { RawTask } from "./converge.ts";
import type { RawService } from "./read.ts";

/** A service and all its tasks, as they were at one moment. */
export interface Watched {
  service: RawService;
  tasks: RawTask[];
}

interface Reader {
  resolve(seen: Watched): void;
  reject(error: unknown): void;
}

/** Between the end of one round and the start of the next, in ms. */
const PAUSE = 150;
/** And so much more for each service that is waited for, in ms: the daemon's work for a round grows with them. */
const PAUSE_EACH = 15;
/** For how long, in ms, what was read of the nodes is taken for true. */
const NODES_KEPT = 1000;

/**
 * Reads services for everybody who waits for one: two calls a round, however many wait. Reading each by itself, a deploy of hundreds
 * of sites would spend more of the daemon's time on being watched than on starting them.
 */
export class ServiceWatch {
  readonly #docker: Dockerode;
  #readers = new Map<string, Reader[]>();
  #planned = false;
  /** When the next round may start at the earliest. */
  #next = 0;
  #nodes: { read: number; lost: Promise<ReadonlySet<string>> } | undefined;

  constructor(docker: Dockerode) {
    this.#docker = docker;
  }

  /** A service by id or by name, as it is at the next round. Throws as the call for it alone would, also where it is not there. */
  read(service: string): Promise<Watched> {
    const seen = new Promise<Watched>((resolve, reject) => {
      this.#readers.set(service, [...(this.#readers.get(service) ?? []), { resolve, reject }]);
    });
    this.#plan();
    return seen;
  }

  /** Ids of the nodes that are lost: tasks there never tell that they have stopped. Read once a second, however many ask. */
  lostNodes(): Promise<ReadonlySet<string>> {
    const now = performance.now();
    if (this.#nodes === undefined || now - this.#nodes.read > NODES_KEPT) {
      this.#nodes = { read: now, lost: readLost(this.#docker) };
    }
    return this.#nodes.lost;
  }

  #plan(): void {
    if (this.#planned || this.#readers.size === 0) return;
    this.#planned = true;
    setTimeout(() => void this.#round(), Math.max(0, this.#next - performance.now()));
  }

  async #round(): Promise<void> {
    const readers = this.#readers;
    this.#readers = new Map();
    const found = await readMany(this.#docker, [...readers.keys()]).catch(() => new Map<string, Watched>());
    const answers = [...readers].map(async ([service, waiting]) => {
      try {
        // What the list has not may be known by its name, or be gone: then the call for it alone tells.
        const seen = found.get(service) ?? (await readOne(this.#docker, service));
        for (const { resolve } of waiting) resolve(seen);
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    });
    await Promise.all(answers);
    this.#next = performance.now() + PAUSE + PAUSE_EACH * readers.size;
    this.#planned = false;
    this.#plan();
  }
}

async function readLost(docker: Dockerode): Promise<ReadonlySet<string>> {
  const nodes = await get<{ ID: string; Status?: { State?: string } }[] | null>(docker, "/nodes");
  return new Set((nodes ?? []).filter(({ Status }) => Status?.State === "down").map(({ ID }) => ID));
}

async function readOne(docker: Dockerode, id: string): Promise<Watched> {
  const [service, tasks] = await Promise.all([
    get<RawService>(docker, `/services/${id}`),
    get<RawTask[] | null>(docker, "/tasks", { filters: { service: [id] } }),
  ]);
  return { service, tasks: tasks ?? [] };
}

async function readMany(docker: Dockerode, ids: string[]): Promise<Map<string, Watched>> {
  if (ids.length < 2) return new Map();
  const [services, tasks] = await Promise.all([
    get<RawService[] | null>(docker, "/services", { filters: { id: ids } }),
    get<RawTask[] | null>(docker, "/tasks", { filters: { service: ids } }),
  ]);
  const byService = new Map<string, RawTask[]>();
  for (const task of tasks ?? []) byService.set(task.ServiceID, [...(byService.get(task.ServiceID) ?? []), task]);
  return new Map((services ?? []).map((service) => [service.ID, { service, tasks: byService.get(service.ID) ?? [] }]));
}
