import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { call, get, type RawService } from "../docker/index.ts";
import { isOwnImage, withoutDigest } from "../names/index.ts";
import type { Pool } from "../pool/index.ts";
import { type NodeEngine, openEngine } from "./engine.ts";
import { pruneRegistry } from "./registry.ts";

export interface SupplyOptions {
  platform: string;
  pool: Pool;
  /** The manager on which images are made. */
  docker: Dockerode;
  /** The workspace's folder. */
  root: string;
  signal: AbortSignal;
  report(line: string): void;
}

/** How long the registry may take to come up, in ms. */
const PATIENCE = 90_000;
/** The stack that serves the others' images, so its own image comes another way. */
const REGISTRY_STACK = "registry";

/**
 * Brings images from the manager on which they are made to all nodes: through the pool's registry, once, and named by the digest that it
 * gave. The registry's own image is copied over SSH.
 */
export class PoolImages {
  readonly #options: SupplyOptions;
  readonly #pushed = new Map<string, Promise<string>>();
  readonly #made = new Set<string>();
  #first: Promise<unknown> | undefined;
  #engines: Promise<NodeEngine[]> | undefined;
  #copied: Promise<void> | undefined;

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  async take(reference: string): Promise<boolean> {
    return pull(this.#options.docker, reference).then(
      () => true,
      () => false,
    );
  }

  made(reference: string): void {
    this.#made.add(reference);
  }

  async place(reference: string, stack: string): Promise<string> {
    if (!isOwnImage(reference)) return reference;
    if (stack === REGISTRY_STACK) {
      this.#copied ??= this.#copy(reference);
      await this.#copied;
      return reference;
    }
    this.#made.add(reference);
    return `${reference}@${await this.#push(reference)}`;
  }

  async restock(): Promise<void> {
    const { docker, platform, report } = this.#options;
    for (const image of await imagesInUse(docker, platform)) {
      if (await isStored(this.#options, image)) continue;
      const reference = withoutDigest(image);
      if (!(await this.#fetch(reference))) {
        report(`${reference} is in the registry no more, and on no node that answers`);
        continue;
      }
      const digest = await this.#push(reference);
      if (image.includes("@") && !image.endsWith(digest))
        report(`${reference} has another digest in the registry than its services name`);
    }
  }

  /** What can't be brought to a node now, it takes from the registry when it needs it. */
  async settle(): Promise<void> {
    if (this.#made.size === 0) return;
    this.#options.report(`bring ${this.#made.size} images to every node`);
    await Promise.all([...this.#made].map((reference) => this.#push(reference)));
    const bring = async ({ docker }: NodeEngine) => {
      for (const reference of this.#made) await pull(docker, reference).catch(() => undefined);
    };
    await Promise.all((await this.#nodes()).map(bring));
    this.#made.clear();
  }

  /** What can't be removed now is removed after a later change. */
  async prune(repositories: string[]): Promise<void> {
    const { docker, platform, report } = this.#options;
    const [node] = await this.#nodes();
    if (node === undefined || repositories.length === 0) return;
    try {
      const used = await imagesInUse(docker, platform);
      const count = await pruneRegistry(node, repositories, new Set(used.map((image) => image.split("@")[1] ?? "")));
      if (count > 0) report(`removed ${count === 1 ? "an old image" : `${count} old images`} from the registry`);
    } catch (error) {
      report(`old images stay in the registry: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #push(reference: string): Promise<string> {
    const known = this.#pushed.get(reference);
    if (known !== undefined) return known;
    // What images share is sent with the first of them, and found by the others: at once, each of them would send it.
    const pushed = (this.#first ?? Promise.resolve()).then(() => push(this.#options, reference));
    this.#first ??= pushed.catch(() => undefined);
    this.#pushed.set(reference, pushed);
    return pushed;
  }

  /** Brings an image here from a node that has it; whether there is one. */
  async #fetch(reference: string): Promise<boolean> {
    const { docker } = this.#options;
    if (await has(docker, reference)) return true;
    for (const other of await this.#nodes()) {
      if (!(await has(other.docker, reference))) continue;
      await copyImage(reference, other.docker, docker);
      return true;
    }
    return false;
  }

  async #copy(reference: string): Promise<void> {
    const { docker, report } = this.#options;
    const nodes = await this.#nodes();
    report(`copy ${reference} to ${nodes.map(({ node }) => node.name).join(", ")}`);
    await Promise.all(nodes.map((engine) => copyImage(reference, docker, engine.docker)));
  }

  /** The engines of all nodes that answer. */
  #nodes(): Promise<NodeEngine[]> {
    const { pool, root, signal, report } = this.#options;
    this.#engines ??= Promise.all(
      pool.nodes.map((node) =>
        openEngine(node, { root, signal }).catch((error: Error) => {
          report(`${node.name}: ${error.message}; it takes its images when it is back`);
        }),
      ),
    ).then((engines) => engines.filter((engine) => engine !== undefined));
    return this.#engines;
  }
}

/** Images of our own that services of a platform run, or would go back to, by the digest that a registry gave; and those they start. */
async function imagesInUse(docker: Dockerode, platform: string): Promise<string[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const services = await get<RawService[]>(docker, "/services", { filters });
  // The version before is what Swarm goes back to.
  const specs = services.flatMap(({ Spec, PreviousSpec }) => [
    Spec,
    (PreviousSpec ?? {}) as Partial<RawService["Spec"]>,
  ]);
  const images = specs.flatMap(({ TaskTemplate }) => TaskTemplate?.ContainerSpec?.Image ?? []);
  const started = specs.flatMap(({ Labels }) => Labels?.[LABEL.images]?.split(",") ?? []);
  return [...new Set([...images.filter((image) => image.includes("@")), ...started])].filter(isOwnImage);
}

/** How Docker says that the registry does not answer: what is not in it is another matter. */
const AWAY = /connection refused|connection reset|unexpected HTTP status: 5|EOF|timeout/i;

/** Whether the registry has an image; false also where it does not come up. One that is on its way up is waited for. */
async function isStored({ docker, signal }: SupplyOptions, image: string): Promise<boolean> {
  for (const until = Date.now() + PATIENCE; ; await sleep(300, undefined, { signal })) {
    try {
      await call(docker, "GET", `/distribution/${image}/json`);
      return true;
    } catch (error) {
      if (!AWAY.test(String(error)) || Date.now() > until) return false;
    }
  }
}

/** A node that has just joined can't get the registry's own image from the registry that this image is to bring. */
export async function seedRegistry(from: Dockerode, to: Dockerode): Promise<void> {
  const services = await get<RawService[]>(from, "/services", {
    filters: { label: [`${LABEL.stack}=${REGISTRY_STACK}`] },
  });
  const images = new Set(services.flatMap(({ Spec }) => Spec.TaskTemplate?.ContainerSpec?.Image ?? []));
  for (const image of images) if (await has(from, image)) await copyImage(image, from, to);
}

/** Copies an image from one engine to another, as a stream; false where it is there. */
export async function copyImage(reference: string, from: Dockerode, to: Dockerode): Promise<boolean> {
  if (await has(to, reference)) return false;
  const stream = await from.getImage(reference).get();
  const answer = await to.loadImage(stream as NodeJS.ReadableStream & AsyncIterable<Buffer>);
  for await (const _ of answer);
  return true;
}

function has(docker: Dockerode, reference: string): Promise<boolean> {
  return docker
    .getImage(reference)
    .inspect()
    .then(
      () => true,
      () => false,
    );
}

/** Pulls an image that is not there. */
export async function pull(docker: Dockerode, reference: string): Promise<void> {
  if (!(await has(docker, reference))) await follow(docker, await docker.pull(reference));
}

/** Pushes an image and returns its digest; a registry that is still on its way up is waited for. */
async function push(options: SupplyOptions, reference: string): Promise<string> {
  const { docker, signal, report } = options;
  report(`push ${reference}`);
  // A push that meets no registry is made again by Docker itself, after pauses that add up to a minute.
  await isStored(options, reference);
  const at = reference.lastIndexOf(":");
  const image = docker.getImage(reference.slice(0, at));
  for (const until = Date.now() + PATIENCE; ; await sleep(1000, undefined, { signal })) {
    signal.throwIfAborted();
    try {
      const stream = await image.push({ tag: reference.slice(at + 1), authconfig: { username: "", password: "" } });
      return await digestOf(docker, stream);
    } catch (error) {
      if (Date.now() < until) continue;
      throw new TerraceError("TERRACE_REGISTRY", `the pool's registry does not take ${reference}`, {
        why: error instanceof Error ? error.message : String(error),
        next: "docker service ps of the services PLATFORM-registry_* says why it is not up; then run this again",
        cause: error,
      });
    }
  }
}

async function digestOf(docker: Dockerode, stream: NodeJS.ReadableStream): Promise<string> {
  const digest = (await follow(docker, stream)).map(({ aux }) => aux?.Digest).find(Boolean);
  if (digest === undefined) throw new Error("it gave no digest");
  return digest;
}

interface Progress {
  error?: string;
  aux?: { Digest?: string };
}

/** All that an engine says about a pull or a push; what went wrong on the way is one of the things it says. */
function follow(docker: Dockerode, stream: NodeJS.ReadableStream): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, events: Progress[]) => {
      const fault = error?.message ?? events.find((event) => event.error !== undefined)?.error;
      if (fault === undefined) resolve(events);
      else reject(new Error(fault));
    });
  });
}
