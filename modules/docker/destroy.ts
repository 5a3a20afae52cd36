import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { isOwnImage } from "../names/index.ts";
import { call, get, isBroken } from "./call.ts";
import { readCluster } from "./read.ts";

export interface Doomed {
  kind: "service" | "config" | "secret" | "network" | "volume" | "image";
  name: string;
  id: string;
  /** The node of a pool on whose disk it is, where that is another one than the manager that is asked. */
  node?: string;
}

/**
 * Everything that Terrace made for a platform, in the order in which it is to be removed, but for locks: who holds one takes it away.
 * Reads only.
 */
export async function listPlatform(docker: Dockerode, platform: string, withVolumes: boolean): Promise<Doomed[]> {
  const [cluster, disk] = await Promise.all([
    readCluster(docker, platform),
    listDisk(docker, platform, { volumes: withVolumes, shared: await isLast(docker, platform) }),
  ]);
  // What belongs to data goes with the volumes.
  const goes = ({ Spec }: { Spec: { Labels?: Record<string, string> } }) =>
    withVolumes || Spec.Labels?.[LABEL.keep] === undefined;
  const of = (kind: Doomed["kind"], items: { ID: string; Spec: { Name: string } }[]): Doomed[] =>
    items.map(({ ID, Spec }) => ({ kind, name: Spec.Name, id: ID }));
  return [
    ...of("service", cluster.services),
    ...of(
      "config",
      cluster.configs.filter((config) => goes(config) && config.Spec.Labels?.[LABEL.lock] === undefined),
    ),
    ...of("secret", cluster.secrets.filter(goes)),
    ...cluster.networks.map(({ Id, Name }): Doomed => ({ kind: "network", name: Name, id: Id })),
    ...disk,
  ];
}

/** Whether no other platform is on this Swarm: the runtime images are shared by all of them, and the last one takes them along. */
export async function isLast(docker: Dockerode, platform: string): Promise<boolean> {
  type Labelled = { Spec: { Labels?: Record<string, string> } };
  const services = await get<Labelled[]>(docker, "/services", { filters: { label: [LABEL.platform] } });
  return services.every(({ Spec }) => Spec.Labels?.[LABEL.platform] === platform);
}

/** What of a platform is on the disk of one engine: its images, and where they are asked for its volumes. */
export async function listDisk(
  docker: Dockerode,
  platform: string,
  wanted: { volumes: boolean; shared: boolean },
): Promise<Doomed[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  type Image = { RepoTags?: string[] | null; RepoDigests?: string[] | null };
  const [volumes, images] = await Promise.all([
    wanted.volumes ? get<{ Volumes: { Name: string }[] | null }>(docker, "/volumes", { filters }) : undefined,
    get<Image[] | null>(docker, "/images/json"),
  ]);
  const ours = (reference: string) =>
    isOwnImage(reference) &&
    (reference.includes(`/${platform}/site-`) || (wanted.shared && reference.includes("/terrace/")));
  // A node that pulled an image by its digest alone knows it by no tag.
  const named = ({ RepoTags, RepoDigests }: Image) => {
    const tags = (RepoTags ?? []).filter((tag) => !tag.endsWith(":<none>"));
    return tags.length > 0 ? tags : (RepoDigests ?? []);
  };
  return [
    ...(volumes?.Volumes ?? []).map(({ Name }): Doomed => ({ kind: "volume", name: Name, id: Name })),
    ...(images ?? [])
      .flatMap(named)
      .filter(ours)
      .map((reference): Doomed => ({ kind: "image", name: reference, id: reference })),
  ];
}

const PATH: Record<Doomed["kind"], string> = {
  service: "services",
  config: "configs",
  secret: "secrets",
  network: "networks",
  volume: "volumes",
  image: "images",
};

/** Said of a network that only a node still has, because a container on it has not stopped yet; with that, it goes by itself. */
const GONE = /network \S+ not found/;

/** Removes one object. What is gone already is fine; what tasks that are still stopping hold is waited for, 40 s at most. */
export async function destroyObject(docker: Dockerode, { kind, id }: Doomed, signal: AbortSignal): Promise<void> {
  if (kind === "service") await tasksCleared(docker, id, signal);
  let last: unknown;
  for (let attempt = 1; ; attempt++) {
    // A limit that passed says less than what was waited for.
    if (signal.aborted) throw signal.reason?.name === "TimeoutError" ? (last ?? signal.reason) : signal.reason;
    try {
      return await call(docker, "DELETE", `/${PATH[kind]}/${encodeURIComponent(id)}`);
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404 || GONE.test(String(error))) return;
      const held = /in use|active endpoints|in-use|being used|conflict/i.test(String(error));
      if ((!held && !isBroken(error)) || attempt === 200) throw error;
      last = error;
      await sleep(200);
    }
  }
}

/** How long Swarm may take to clear tasks away, in ms: those of a node that is down it does not clear. */
const CLEARING = 10_000;

/**
 * A service that is removed the moment Swarm clears away tasks of it, as it does after it was scaled down, has crashed Docker 20.10 (a nil
 * pointer in SetServiceTasksRemove): that is waited for.
 */
async function tasksCleared(docker: Dockerode, id: string, signal: AbortSignal): Promise<void> {
  for (const until = Date.now() + CLEARING; Date.now() < until && !signal.aborted; ) {
    const filters = { service: [id] };
    const tasks = await get<{ DesiredState: string }[]>(docker, "/tasks", { filters }).catch((error) => {
      // Of a service that is gone.
      if (error.statusCode === 404) return [];
      throw error;
    });
    if (!tasks.some(({ DesiredState }) => DesiredState === "remove")) return;
    await sleep(200);
  }
}
