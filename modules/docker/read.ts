import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";

/** Everything of a platform that lives in the cluster, in the shapes of the API. */
export interface ClusterObjects {
  services: RawService[];
  networks: RawNetwork[];
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
  UpdateStatus?: { State?: string; Message?: string; StartedAt?: string };
  ServiceStatus?: { RunningTasks: number; DesiredTasks: number };
}

export interface RawTemplate {
  ContainerSpec?: { Image?: string; Labels?: Record<string, string> };
  Networks?: { Target: string; Aliases?: string[] }[];
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
}

/** Reads all objects of a platform with five calls, however many there are. Writes nothing. */
export async function readCluster(docker: Dockerode, platform: string): Promise<ClusterObjects> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const [services, networks, secrets, configs, images] = await Promise.all([
    get<RawService[] | null>(docker, "/services", { filters, status: true }),
    get<RawNetwork[] | null>(docker, "/networks", { filters }),
    get<RawContent[] | null>(docker, "/secrets", { filters }),
    get<RawContent[] | null>(docker, "/configs", { filters }),
    get<{ Id: string; Created: number; RepoTags: string[] | null }[] | null>(docker, "/images/json"),
  ]);
  return {
    services: services ?? [],
    networks: networks ?? [],
    secrets: secrets ?? [],
    configs: configs ?? [],
    images: (images ?? []).flatMap(({ Id, Created, RepoTags }) =>
      (RepoTags ?? []).map((reference) => ({ reference, id: Id, created: Created })),
    ),
  };
}

/** Of a call's URL; an object is sent as JSON, as the API wants its filters. */
export type Query = Record<string, string | number | boolean | object>;

/** One GET call to the Engine API. */
export function get<T>(docker: Dockerode, path: string, query: Query = {}): Promise<T> {
  return call<T>(docker, "GET", path, query);
}

/** One GET call whose answer is not JSON. */
export async function getBytes(docker: Dockerode, path: string, query: Query = {}): Promise<Buffer> {
  const stream = await dial<AsyncIterable<Buffer>>(docker, { path, method: "GET", isStream: true }, query);
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
  request: { path: string; method: string; isStream?: boolean },
  query: Query,
  body: object = {},
): Promise<T> {
  const options = {
    ...request,
    path: `${request.path}?`,
    options: { _query: query, _body: body },
    statusCodes: { 200: true, 201: true, 204: true },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(options as unknown as Parameters<typeof docker.modem.dial>[0], (error, answer) => {
      if (error) reject(error as Error);
      else resolve(answer as T);
    });
  });
}
