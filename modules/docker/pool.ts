import type Dockerode from "dockerode";
import type { Ask, NodeState, PoolState, ServiceState } from "../capacity/index.ts";
import { LABEL } from "../core/labels.ts";
import { get } from "./call.ts";
import { isOver } from "./read.ts";

interface RawNode {
  ID: string;
  Spec: { Labels?: Record<string, string> | null; Role?: string; Availability?: string };
  Description?: { Hostname?: string; Resources?: { NanoCPUs?: number; MemoryBytes?: number } };
  Status?: { State?: string };
  ManagerStatus?: { Leader?: boolean };
}

interface RawTaskPlace {
  ServiceID: string;
  NodeID?: string;
  Status: { State: string };
}

export interface RawMount {
  Type?: string;
  VolumeOptions?: { DriverConfig?: { Options?: Record<string, string> | null } };
}

/** The parts of a service's specification that say what it asks of a node. */
export interface RawAsk {
  TaskTemplate?: {
    Resources?: {
      Limits?: { NanoCPUs?: number };
      Reservations?: { NanoCPUs?: number; MemoryBytes?: number };
    };
    ContainerSpec?: { Mounts?: RawMount[] | null };
    Placement?: { Constraints?: string[] | null; MaxReplicas?: number };
  };
  Mode?: { Replicated?: { Replicas?: number }; Global?: object };
}

interface RawPlacedService {
  ID: string;
  Spec: RawAsk & { Name: string; Labels?: Record<string, string> };
}

/** Reads all nodes of the Swarm, and what every service of whatever platform asks of them, with three calls. */
export async function readPool(docker: Dockerode): Promise<PoolState> {
  const [nodes, services, tasks] = await Promise.all([
    readNodes(docker),
    get<RawPlacedService[] | null>(docker, "/services"),
    get<RawTaskPlace[] | null>(docker, "/tasks", { filters: { "desired-state": ["running"] } }),
  ]);
  const byService = new Map<string, RawTaskPlace[]>();
  for (const task of tasks ?? []) {
    const same = byService.get(task.ServiceID);
    if (same === undefined) byService.set(task.ServiceID, [task]);
    else same.push(task);
  }
  return {
    nodes,
    services: (services ?? []).map((service) => serviceState(service, byService.get(service.ID) ?? [])),
  };
}

/** Reads all nodes of the Swarm, by name. */
export async function readNodes(docker: Dockerode): Promise<NodeState[]> {
  const nodes = await get<RawNode[] | null>(docker, "/nodes");
  return (nodes ?? []).map(nodeState).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function nodeState({ ID, Spec, Description, Status, ManagerStatus }: RawNode): NodeState {
  const labels = Spec.Labels ?? {};
  const hostname = Description?.Hostname ?? ID;
  const availability = Spec.Availability;
  return {
    id: ID,
    name: labels[LABEL.node] ?? hostname,
    hostname,
    role: Spec.Role === "manager" ? "manager" : "worker",
    leader: ManagerStatus?.Leader === true,
    edge: labels[LABEL.edge] === "true",
    availability: availability === "pause" || availability === "drain" ? availability : "active",
    state: Status?.State ?? "unknown",
    labels,
    memory: Description?.Resources?.MemoryBytes ?? 0,
    cpus: (Description?.Resources?.NanoCPUs ?? 0) / 1e9,
  };
}

function serviceState({ ID, Spec }: RawPlacedService, tasks: RawTaskPlace[]): ServiceState {
  return {
    id: ID,
    name: Spec.Name,
    platform: Spec.Labels?.[LABEL.platform] ?? "",
    site: Spec.Labels?.[LABEL.site] ?? "",
    asks: askOf(Spec),
    data: (Spec.TaskTemplate?.ContainerSpec?.Mounts ?? []).some(isLocal),
    tasks: tasks
      .filter(({ Status }) => !isOver(Status.State))
      .map(({ NodeID, Status }) => ({ node: NodeID || undefined, running: Status.State === "running" })),
  };
}

/** Whether what is mounted is on the disk of the node itself. */
export function isLocal({ Type, VolumeOptions }: RawMount): boolean {
  return Type === "volume" && VolumeOptions?.DriverConfig?.Options?.type !== "nfs";
}

/** What a service's specification asks of each node that it is on. */
export function askOf({ TaskTemplate, Mode }: RawAsk): Ask {
  const { Limits, Reservations } = TaskTemplate?.Resources ?? {};
  const { Constraints, MaxReplicas } = TaskTemplate?.Placement ?? {};
  return {
    replicas: Mode?.Global === undefined ? (Mode?.Replicated?.Replicas ?? 1) : "global",
    memory: Reservations?.MemoryBytes ?? 0,
    cpus: (Reservations?.NanoCPUs ?? 0) / 1e9,
    cpuLimit: (Limits?.NanoCPUs ?? 0) / 1e9,
    constraints: Constraints ?? [],
    perNode: MaxReplicas ?? 0,
  };
}
