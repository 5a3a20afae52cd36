import { randomBytes } from "node:crypto";
import { ApiError, asStored, type Json, networkAnswer } from "./engine-api-forms.ts";

/** The kinds of objects that a Swarm has by name. */
export type SwarmKind = "service" | "network" | "secret" | "config";

/** One object as the simulated Swarm keeps it. */
export interface Stored {
  kind: SwarmKind;
  id: string;
  name: string;
  version: number;
  created: string;
  updated: string;
  spec: Json;
  previous?: Json;
  /** ms of the clock: when the update under way is or was done, and when it began. */
  update?: { began: number; done: number };
}

interface Task {
  id: string;
  service: string;
  slot: number;
  template: Json;
  created: number;
  /** ms of the clock: it runs from then on. */
  runs: number;
  /** ms of the clock: it is shut down from then on. */
  ends: number;
}

export interface Image {
  id: string;
  tags: string[];
  /** Seconds of the clock. */
  created: number;
}

const NODE = "simulatednode0000000000000";

/** What a Swarm of one node holds, in memory: objects with versions, tasks that run a while after their service was made, images. */
export class SimulatedSwarm {
  readonly images: Image[] = [];
  /** Bytes that the node says it has; it does not say where absent. */
  memory: number | undefined;
  readonly #objects = new Map<string, Stored>();
  readonly #byName = new Map<string, Stored>();
  #tasks: Task[] = [];
  #version = 10;
  readonly #startup: number;

  /** @param startup ms from a task's creation until it runs */
  constructor(startup: number) {
    this.#startup = startup;
  }

  list(kind: SwarmKind): Stored[] {
    return [...this.#objects.values()].filter((each) => each.kind === kind);
  }

  /** By id, the start of an id, or name, as Docker takes them. */
  find(kind: SwarmKind, reference: string): Stored {
    const exact = this.#objects.get(reference) ?? this.#byName.get(`${kind} ${reference}`);
    const found = exact ?? this.list(kind).find(({ id }) => reference.length >= 4 && id.startsWith(reference));
    if (found?.kind !== kind) throw new ApiError(404, `${kind} ${reference} not found`);
    return found;
  }

  create(kind: SwarmKind, body: Json): Stored {
    const name = String(body.Name ?? "");
    if (!/^[a-zA-Z0-9]([a-zA-Z0-9-_.]{0,62}[a-zA-Z0-9])?$/.test(name)) {
      throw new ApiError(400, `rpc error: code = InvalidArgument desc = invalid name: ${JSON.stringify(name)}`);
    }
    if (this.#byName.has(`${kind} ${name}`)) throw new ApiError(409, taken(kind, name));
    const now = new Date().toISOString();
    const id = newId();
    const spec =
      kind === "network" ? networkAnswer(body, 4096 + this.#version) : asStored(kind, this.#resolved(kind, body));
    const stored: Stored = { kind, id, name, version: ++this.#version, created: now, updated: now, spec };
    this.#objects.set(id, stored);
    this.#byName.set(`${kind} ${name}`, stored);
    if (kind === "service") this.#start(stored, wantedTasks(spec), 1);
    return stored;
  }

  /** Takes a new specification only where `version` is the present one, as Swarm does. */
  update(kind: SwarmKind, reference: string, version: number, body: Json): void {
    const stored = this.find(kind, reference);
    if (version !== stored.version) throw new ApiError(500, "rpc error: code = Unknown desc = update out of sequence");
    const spec = asStored(kind, this.#resolved(kind, body));
    if (kind !== "service" && spec.Data === undefined) spec.Data = stored.spec.Data;
    if (String(spec.Name) !== stored.name) {
      throw new ApiError(501, "rpc error: code = Unimplemented desc = renaming is not supported");
    }
    const before = stored.spec;
    stored.previous = before;
    stored.spec = spec;
    stored.version = ++this.#version;
    stored.updated = new Date().toISOString();
    if (kind === "service") this.#roll(stored, before);
  }

  remove(kind: SwarmKind, reference: string): void {
    const stored = this.find(kind, reference);
    const user = this.#user(stored);
    if (user !== undefined) throw new ApiError(400, `rpc error: code = ${inUse(stored, user)}`);
    this.#objects.delete(stored.id);
    this.#byName.delete(`${kind} ${stored.name}`);
    if (kind === "service") this.#tasks = this.#tasks.filter(({ service }) => service !== stored.id);
  }

  /** All tasks in the API's form. */
  tasks(): Json[] {
    const now = Date.now();
    return this.#tasks.map((task) => {
      const ended = task.ends <= now;
      return {
        ID: task.id,
        Version: { Index: this.#version },
        CreatedAt: new Date(task.created).toISOString(),
        UpdatedAt: new Date(Math.max(task.created, Math.min(now, task.runs))).toISOString(),
        Labels: {},
        Spec: task.template,
        ServiceID: task.service,
        Slot: task.slot,
        NodeID: NODE,
        Status: { State: ended ? "shutdown" : task.runs <= now ? "running" : "starting", Message: "started" },
        DesiredState: ended ? "shutdown" : "running",
      };
    });
  }

  /** How many tasks of each service run, by its id. */
  running(): Map<string, number> {
    const now = Date.now();
    const counts = new Map<string, number>();
    for (const { service, runs, ends } of this.#tasks)
      if (runs <= now && ends > now) counts.set(service, (counts.get(service) ?? 0) + 1);
    return counts;
  }

  nodes(): Json[] {
    const Resources = this.memory === undefined ? undefined : { NanoCPUs: 2e9, MemoryBytes: this.memory };
    const Description = { Hostname: "simulated", Resources };
    return [{ ID: NODE, Description, Status: { State: "ready" }, Spec: { Role: "manager", Availability: "active" } }];
  }

  /** Puts an image there, or takes the tag from the one that had it. */
  addImage(tag: string): void {
    for (const image of this.images) image.tags = image.tags.filter((each) => each !== tag);
    const id = `sha256:${randomBytes(32).toString("hex")}`;
    this.images.push({ id, tags: [tag], created: Math.floor(Date.now() / 1000) });
  }

  findImage(reference: string): Image {
    const found = this.images.find(({ id, tags }) => id === reference || tags.includes(reference));
    if (found === undefined) throw new ApiError(404, `No such image: ${reference}`);
    return found;
  }

  /** A body with networks by id, as Docker keeps them; whatever it names must be there. */
  #resolved(kind: SwarmKind, body: Json): Json {
    if (kind !== "service") return body;
    const template = (body.TaskTemplate ?? {}) as { Networks?: Json[]; ContainerSpec?: Json };
    for (const part of ["secret", "config"] as const) {
      const [list, id] = part === "secret" ? ["Secrets", "SecretID"] : ["Configs", "ConfigID"];
      for (const one of (template.ContainerSpec?.[list] ?? []) as Json[]) {
        if (this.#objects.get(String(one[id]))?.kind !== part) {
          throw new ApiError(
            400,
            `rpc error: code = InvalidArgument desc = ${part} not found: ${one[`${list.slice(0, -1)}Name`]}`,
          );
        }
      }
    }
    const Networks = template.Networks?.map((one) => ({ ...one, Target: this.find("network", String(one.Target)).id }));
    return { ...body, TaskTemplate: { ...template, Networks } };
  }

  #user({ kind, id }: Stored): Stored | undefined {
    if (kind === "service") return undefined;
    const mark = `"${USED_AS[kind]}":"${id}"`;
    return this.list("service").find(({ spec }) => JSON.stringify(spec.TaskTemplate).includes(mark));
  }

  #start(service: Stored, count: number, from: number): number {
    const now = Date.now();
    const runs = now + this.#startup;
    const template = service.spec.TaskTemplate as Json;
    for (let slot = from; slot < from + count; slot++) {
      this.#tasks.push({ id: newId(), service: service.id, slot, template, created: now, runs, ends: Infinity });
    }
    return runs;
  }

  /** New tasks for a new template, which end the old ones once they run; only more or fewer where the template is the same. */
  #roll(service: Stored, before: Json): void {
    const now = Date.now();
    const wanted = wantedTasks(service.spec);
    const live = this.#tasks.filter((task) => task.service === service.id && task.ends === Infinity);
    if (JSON.stringify(before.TaskTemplate) === JSON.stringify(service.spec.TaskTemplate)) {
      for (const task of live.slice(wanted)) task.ends = now;
      if (wanted > live.length) this.#start(service, wanted - live.length, live.length + 1);
      return;
    }
    const done = this.#start(service, wanted, 1);
    for (const task of live) task.ends = done;
    service.update = { began: now, done };
  }
}

/** How many tasks a specification asks for, on the one node that there is. */
export function wantedTasks(spec: Json): number {
  const mode = spec.Mode as { Replicated?: { Replicas?: number }; Global?: object } | undefined;
  return mode?.Global === undefined ? (mode?.Replicated?.Replicas ?? 1) : 1;
}

function taken(kind: SwarmKind, name: string): string {
  if (kind === "network") return `network with name ${name} already exists`;
  const conflict = kind === "service" ? "name conflicts with an existing object: " : "";
  return `rpc error: code = AlreadyExists desc = ${conflict}${kind} ${name} already exists`;
}

function inUse({ kind, id, name }: Stored, user: Stored): string {
  if (kind === "network") return `FailedPrecondition desc = network ${id} is in use by service ${user.id}`;
  return `InvalidArgument desc = ${kind} '${name}' is in use by the following service: ${user.name}`;
}

/** Under which key a service's template names an object by its id. */
const USED_AS = { network: "Target", secret: "SecretID", config: "ConfigID" };

function newId(): string {
  return BigInt(`0x1${randomBytes(16).toString("hex")}`)
    .toString(36)
    .slice(0, 25);
}
