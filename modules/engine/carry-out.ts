import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import {
  buildImage,
  call,
  converge,
  destroyObject,
  type Fault,
  get,
  isBroken,
  pullImage,
  type RawService,
  type ServiceWatch,
} from "../docker/index.ts";
import { isBase, isOwnImage } from "../names/index.ts";
import type { LiveIndex } from "./diff.ts";
import type { Change, Desired, Json, KindName } from "./model.ts";

/** How often a call is made whose answer is lost, and the pause between, in ms. */
const ATTEMPTS = 14;
const PAUSE = 200;

/** What carrying out needs, shared by all stacks of one run. */
export interface Run {
  docker: Dockerode;
  /** Stops the run between two operations. */
  signal: AbortSignal;
  /** Makes the image that all of ours are built on. */
  makeBase(reference: string): Promise<void>;
  /** One line for people, e.g. `create service honghe-site-finance_web`. */
  report(line: string): void;
  /** Ids of live objects and of those made in this run, by `kind name`. */
  ids: Map<string, string>;
  /** Bounds how many changes are made at the same time, with other runs. */
  making?<T>(work: () => Promise<T>): Promise<T>;
  /** Shared by all who wait for services at the same time. */
  watch?: ServiceWatch;
  /** Brings images to the nodes of a pool; absent where there is one node, which has them. */
  images?: ImageSupply;
}

/** How the nodes of a pool get images that are made on one of them. */
export interface ImageSupply {
  /** Takes an image from the pool's registry; false where it has none. */
  take(reference: string): Promise<boolean>;
  /** An image was made on this engine. */
  made(reference: string): void;
  /** Has every node able to run an image, and returns the reference by which it is. */
  place(reference: string, stack: string): Promise<string>;
  /** Once the registry's own services are as they should be: has it hold all that runs, where it may have moved or lost some. */
  restock(): Promise<void>;
  /** Brings all images of this run to all nodes, so that none needs the registry to take over from another. */
  settle(): Promise<void>;
  /** Forgets images of these repositories that no service names any more; the caller has locked whatever they belong to. */
  prune(repositories: string[]): Promise<void>;
}

/** A service that others depend on did not come up, so nothing was done with those. */
export class NotConverged extends Error {
  readonly change: Change;
  readonly fault: Fault;

  constructor(change: Change, fault: Fault) {
    super(`${change.name} did not come up: ${fault.why}`);
    this.change = change;
    this.fault = fault;
  }
}

/** The ids that a run starts with. */
export function idsOf(live: LiveIndex): Map<string, string> {
  return new Map(live.all().map(({ kind, name, id }) => [`${kind} ${name}`, id]));
}

/**
 * Creates and updates of one stack: each as soon as what it depends on is there. Deletes are left to {@link remove}.
 *
 * @throws NotConverged where a service that is to converge does not
 */
export async function carryOut(changes: Change[], run: Run): Promise<void> {
  const started = new Map<string, Promise<void>>();
  const start = (change: Change): Promise<void> => {
    const waiting = (change.desired?.dependsOn ?? []).map((urn) => started.get(urn));
    return Promise.all(waiting).then(async () => {
      await (run.making?.(() => mutate(change, run)) ?? mutate(change, run));
      await comesUp(change, run);
    });
  };
  // Resources register after what they depend on, so a dependency's promise is always there first.
  for (const change of changes) if (change.action !== "delete") started.set(change.urn, start(change));
  await settleAll([...started.values()]);
}

async function comesUp(change: Change, { docker, ids, signal, watch }: Run): Promise<void> {
  const limit = change.desired?.converge;
  if (limit === undefined) return;
  const id = ids.get(`${change.kind} ${change.name}`) ?? change.name;
  const fault = await converge(docker, id, limit, signal, watch);
  if (fault !== undefined) throw new NotConverged(change, fault);
}

/** Deletes what nothing wants any more: services first, then what they used. Safe to run again. */
export async function remove(changes: Change[], run: Run): Promise<void> {
  const deletes = changes.filter(({ action }) => action === "delete");
  const order: KindName[] = ["service", "config", "secret", "network"];
  for (const kind of order) {
    await settleAll(deletes.filter((change) => change.kind === kind).map((change) => mutate(change, run)));
  }
}

/** Every change of the cluster passes through here. */
async function mutate(change: Change, run: Run): Promise<void> {
  run.signal.throwIfAborted();
  run.report(`${change.action} ${change.kind} ${change.name}`);
  if (change.action === "delete") return removeObject(change, run);
  if (change.desired === undefined) throw new Error(`nothing is wanted of ${change.name}`);
  const id = change.action === "create" ? await create(change.desired, run) : await update(change, change.desired, run);
  run.ids.set(`${change.kind} ${change.name}`, id);
}

async function create(desired: Desired, run: Run): Promise<string> {
  const { kind, name, spec } = desired;
  if (kind === "image") return createImage(desired, run);
  const body =
    kind === "service" ? await withIds(spec, desired.stack, run) : { ...spec, Data: desired.payload?.reveal() };
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await call<{ ID?: string; Id?: string }>(run.docker, "POST", `/${kind}s/create`, {}, body);
      return answer.ID ?? answer.Id ?? "";
    } catch (error) {
      const broken = isBroken(error);
      if (!broken && (error as { statusCode?: number }).statusCode !== 409) throw error;
      // An answer that was lost may have been a yes.
      const made = await findOwn(desired, run);
      if (made !== undefined) return made;
      if (!broken) throw nameTaken(kind, name, error);
      if (attempt === ATTEMPTS) throw error;
      await sleep(PAUSE * attempt, undefined, { signal: run.signal });
    }
  }
}

/** The id of the object that is wanted, where it is live just as it is wanted. */
async function findOwn({ kind, name, hash }: Desired, run: Run): Promise<string | undefined> {
  type Found = {
    ID?: string;
    Id?: string;
    Labels?: Record<string, string>;
    Spec?: { Labels?: Record<string, string> };
  };
  const found = await get<Found>(run.docker, `/${kind}s/${encodeURIComponent(name)}`).catch(
    (error: { statusCode?: number }) => {
      if (error.statusCode === 404) return undefined;
      throw error;
    },
  );
  const labels = found?.Spec?.Labels ?? found?.Labels;
  return labels?.[LABEL.hash] === hash ? (found?.ID ?? found?.Id) : undefined;
}

function nameTaken(kind: KindName, name: string, cause: unknown): TerraceError {
  return new TerraceError("TERRACE_NAME_TAKEN", `${kind} ${name} exists and was not made by Terrace`, {
    why: "Terrace touches only what carries its labels",
    next: `rename or remove it (docker ${kind} inspect ${name}), then run this again`,
    cause,
  });
}

async function createImage(desired: Desired, run: Run, attempt = 1): Promise<string> {
  const { name, spec } = desired;
  try {
    return await makeImage(name, spec, run);
  } catch (error) {
    if (!isBroken(error) || attempt === ATTEMPTS) throw error;
    await sleep(PAUSE * attempt, undefined, { signal: run.signal });
    return createImage(desired, run, attempt + 1);
  }
}

async function makeImage(name: string, spec: Json, run: Run): Promise<string> {
  if (isOwnImage(name) && (await run.images?.take(name))) return name;
  if (spec.Build === undefined) await fetchImage(name, run);
  else
    await buildImage(
      run.docker,
      name,
      spec.Build as { context: string; dockerfile?: string; args?: Record<string, string> },
    );
  run.images?.made(name);
  return name;
}

/** The base of our own images comes from the distribution, any other image from its registry. */
function fetchImage(name: string, run: Run): Promise<void> {
  return isBase(name) ? run.makeBase(name) : pullImage(run.docker, name);
}

async function update({ live }: Change, desired: Desired, run: Run): Promise<string> {
  if (live === undefined) throw new Error(`${desired.name} is not live`);
  if (desired.kind === "network") {
    throw new TerraceError("TERRACE_NETWORK_IMMUTABLE", `network ${desired.name} would have to be made anew`, {
      why: "Swarm can't change a network in place, and every site is on it",
      next: "take the change back, or plan a window: `terrace destroy --confirm PLATFORM` keeps the volumes, then `terrace up`",
    });
  }
  const path = `/${desired.kind}s/${live.id}`;
  const wanted =
    desired.kind === "service"
      ? await withIds(desired.spec, desired.stack, run)
      : { ...live.spec, Labels: desired.spec.Labels };
  for (let attempt = 1; ; attempt++) {
    const { Version, Spec } = await get<RawService>(run.docker, path);
    // An answer that was lost may have been a yes. Made again, the update would also be what Swarm goes back to where it fails.
    if (attempt > 1 && live.hash !== desired.hash && Spec.Labels?.[LABEL.hash] === desired.hash) return live.id;
    const body = withRestarts(wanted, Spec.TaskTemplate?.ForceUpdate);
    try {
      await call(run.docker, "POST", `${path}/update`, { version: Version.Index }, body);
      return live.id;
    } catch (error) {
      // Swarm itself writes to a service while it updates it, so the version can move between the two calls.
      const again = String(error).includes("update out of sequence") || isBroken(error);
      if (!again || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE, undefined, { signal: run.signal });
    }
  }
}

/** Keeps the count of restarts that were asked for: another count would be another restart. */
function withRestarts(spec: Json, count: number | undefined): Json {
  if (count === undefined || count === 0) return spec;
  return { ...spec, TaskTemplate: { ...(spec.TaskTemplate as Json), ForceUpdate: count } };
}

/** A service's specification with the ids that Swarm wants beside the names of secrets and configs, and the image as nodes find it. */
async function withIds(spec: Json, stack: string, { ids, images }: Run): Promise<Json> {
  const template = spec.TaskTemplate as { ContainerSpec: Json };
  const container = template.ContainerSpec;
  const resolve = (kind: KindName, key: string, items: unknown) =>
    (items as Json[] | undefined)?.map((item) => ({ ...item, [`${key}ID`]: ids.get(`${kind} ${item[`${key}Name`]}`) }));
  const resolved = {
    ...container,
    Image: images === undefined ? container.Image : await images.place(container.Image as string, stack),
    Secrets: resolve("secret", "Secret", container.Secrets),
    Configs: resolve("config", "Config", container.Configs),
  };
  const more = (spec.Labels as Record<string, string> | undefined)?.[LABEL.images]?.split(",") ?? [];
  await Promise.all(more.map((reference) => images?.place(reference, stack)));
  return { ...spec, TaskTemplate: { ...template, ContainerSpec: resolved } };
}

async function removeObject({ kind, name, live }: Change, { docker, signal }: Run): Promise<void> {
  if (live !== undefined) await destroyObject(docker, { kind, name, id: live.id }, signal);
}

/** Waits for all, then throws the first error: nothing is left running behind a failure. */
async function settleAll(promises: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
