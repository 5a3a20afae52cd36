import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { get } from "./call.ts";

/** Everything of a platform that lives in the cluster, in the shapes of the API. */
export interface ClusterObjects {
  services: RawService[];
  networks: RawNetwork[];
  /** Networks that services name and that are not the platform's: `host`, the network of a node itself. */
  foreign: RawNetwork[];
  secrets: RawContent[];
  configs: RawContent[];
  /** References (`name:tag`) of all images of the engine, with their ids: a site may use any of them. */
  images: { reference: string; id: string; created: number }[];
}

export interface RawService {
  ID: string;
  Version: { Index: number };
  CreatedAt: string;
  Spec: RawSpec & { TaskTemplate?: RawTemplate; Mode?: { Replicated?: { Replicas?: number }; Global?: object } };
  PreviousSpec?: object;
  UpdateStatus?: { State?: string; Message?: string; StartedAt?: string; CompletedAt?: string };
  ServiceStatus?: { RunningTasks: number; DesiredTasks: number };
}

export interface RawTemplate {
  ContainerSpec?: { Image?: string; Labels?: Record<string, string>; Healthcheck?: object };
  Networks?: { Target: string; Aliases?: string[] }[];
  /** How often all tasks were replaced on request. */
  ForceUpdate?: number;
}

export interface RawSpec {
  Name: string;
  Labels?: Record<string, string>;
  [key: string]: unknown;
}

export interface RawContent {
  ID: string;
  Version: { Index: number };
  CreatedAt: string;
  UpdatedAt?: string;
  Spec: RawSpec & { Data?: string };
}

export interface RawNetwork {
  Id: string;
  Name: string;
  Driver: string;
  Attachable?: boolean;
  Internal?: boolean;
  Options?: Record<string, string> | null;
  IPAM?: { Config?: { Subnet?: string }[] | null };
  Labels?: Record<string, string>;
  Containers?: object | null;
  Peers?: object[] | null;
}

/** Reads all objects of a platform with five calls, however many there are. Writes nothing. */
export async function readCluster(docker: Dockerode, platform: string): Promise<ClusterObjects> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const [services, listed, secrets, configs, images] = await Promise.all([
    get<RawService[] | null>(docker, "/services", { filters, status: true }),
    get<RawNetwork[] | null>(docker, "/networks", { filters }),
    get<RawContent[] | null>(docker, "/secrets", { filters }),
    get<RawContent[] | null>(docker, "/configs", { filters }),
    get<{ Id: string; Created: number; RepoTags: string[] | null }[] | null>(docker, "/images/json"),
  ]);
  const networks = (listed ?? []).filter((network) => !isLeftover(network));
  return {
    foreign: await foreignNetworks(docker, services ?? [], networks),
    services: services ?? [],
    networks,
    secrets: secrets ?? [],
    configs: configs ?? [],
    images: (images ?? []).flatMap(({ Id, Created, RepoTags }) =>
      (RepoTags ?? []).map((reference) => ({ reference, id: Id, created: Created })),
    ),
  };
}

/**
 * Whether a network is gone from the Swarm, and only this node still has it because a container on it has not stopped yet. Docker lists it
 * all the same, with the node's peers and containers, which it never tells of the Swarm's own in a list.
 */
function isLeftover({ Containers, Peers }: RawNetwork): boolean {
  return (Containers ?? undefined) !== undefined && (Peers ?? undefined) !== undefined;
}

/** Whether a task in this state (`running`, `failed`, ...) runs no more and never will. */
export function isOver(state: string): boolean {
  return /^(complete|failed|rejected|shutdown|orphaned|remove)$/.test(state);
}

/** Swarm keeps networks by id. Those of the platform are read at once; there is hardly ever another one. */
function foreignNetworks(docker: Dockerode, services: RawService[], own: RawNetwork[]): Promise<RawNetwork[]> {
  const known = new Set(own.flatMap(({ Id, Name }) => [Id, Name]));
  const named = services.flatMap(({ Spec }) => Spec.TaskTemplate?.Networks ?? []).map(({ Target }) => Target);
  const unknown = [...new Set(named)].filter((target) => !known.has(target));
  const read = (id: string) => get<RawNetwork>(docker, `/networks/${id}`).catch(() => undefined);
  return Promise.all(unknown.map(read)).then((found) => found.filter((network) => network !== undefined));
}
