import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { call, get, isBroken } from "./call.ts";
import { readCluster } from "./read.ts";

export interface Doomed {
  kind: "service" | "config" | "secret" | "network" | "volume" | "image";
  name: string;
  id: string;
}

/** Everything that Terrace made for a platform, in the order in which it is to be removed. Reads only. */
export async function listPlatform(docker: Dockerode, platform: string, withVolumes: boolean): Promise<Doomed[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const [cluster, volumes, others] = await Promise.all([
    readCluster(docker, platform),
    get<{ Volumes: { Name: string }[] | null }>(docker, "/volumes", { filters }),
    get<{ Spec: { Labels?: Record<string, string> } }[]>(docker, "/services", { filters: { label: [LABEL.platform] } }),
  ]);
  // The runtime images are shared by all platforms of an engine: the last one takes them along.
  const last = others.every(({ Spec }) => Spec.Labels?.[LABEL.platform] === platform);
  const ours = (reference: string) =>
    reference.includes(`/${platform}/site-`) || (last && reference.includes("/terrace/"));
  // What belongs to data goes with the volumes.
  const goes = ({ Spec }: { Spec: { Labels?: Record<string, string> } }) =>
    withVolumes || Spec.Labels?.[LABEL.keep] === undefined;
  const of = (kind: Doomed["kind"], items: { ID: string; Spec: { Name: string } }[]): Doomed[] =>
    items.map(({ ID, Spec }) => ({ kind, name: Spec.Name, id: ID }));
  return [
    ...of("service", cluster.services),
    ...of("config", cluster.configs.filter(goes)),
    ...of("secret", cluster.secrets.filter(goes)),
    ...cluster.networks.map(({ Id, Name }): Doomed => ({ kind: "network", name: Name, id: Id })),
    ...(withVolumes
      ? (volumes.Volumes ?? []).map(({ Name }): Doomed => ({ kind: "volume", name: Name, id: Name }))
      : []),
    ...cluster.images
      .filter(({ reference }) => reference.startsWith("127.0.0.1:5325/") && ours(reference))
      .map(({ reference }): Doomed => ({ kind: "image", name: reference, id: reference })),
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
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await call(docker, "DELETE", `/${PATH[kind]}/${encodeURIComponent(id)}`);
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404 || GONE.test(String(error))) return;
      const held = /in use|active endpoints|in-use|being used|conflict/i.test(String(error));
      if ((!held && !isBroken(error)) || attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
