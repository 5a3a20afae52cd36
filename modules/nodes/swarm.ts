import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { call, changeObject, get } from "../docker/index.ts";
import { freePool, parseRange, parseRoutes, type SwarmInfo } from "../host/index.ts";
import type { PoolNode } from "../pool/index.ts";
import { type NodeEngine, swarmOf, targetOf } from "./engine.ts";

/** Of `GET /swarm`, what is used. */
export interface RawSwarm {
  ID: string;
  Version: { Index: number };
  Spec: { Labels?: Record<string, string>; Dispatcher?: { HeartbeatPeriod?: number }; [key: string]: unknown };
  JoinTokens: { Worker: string; Manager: string };
}

/** Of `GET /nodes`, what is used. */
export interface RawNode {
  ID: string;
  Version: { Index: number };
  Spec: { Name?: string; Role: "manager" | "worker"; Availability: string; Labels?: Record<string, string> };
  Description?: { Hostname?: string; Resources?: { NanoCPUs?: number; MemoryBytes?: number } };
  Status: { State: string; Addr?: string };
  ManagerStatus?: { Leader?: boolean; Reachability?: string; Addr?: string };
}

/**
 * How often a node says that it is there, in ns. Swarm takes one for lost after three times that, and then moves its tasks; with its own
 * default of 5 s sites came back after 34 s.
 */
const HEARTBEAT = 2_000_000_000;

/** How often a node is asked to leave a Swarm that it does not get out of; each takes 15 s. */
const LEAVE_ATTEMPTS = 6;

/** `10.0.0.1:2377`; an IPv6 address stands in brackets. */
export function hostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Makes a Swarm of a platform on its first manager. */
export async function initSwarm(engine: NodeEngine, platform: string, routes: string, pool: PoolNode[]): Promise<void> {
  const { address } = targetOf(engine.node);
  const servers = pool.flatMap((node) => parseRange(node.address ?? "") ?? []);
  const overlays = freePool([...parseRoutes(routes), ...servers]);
  await engine.docker.swarmInit({
    ListenAddr: hostPort(address, 2377),
    AdvertiseAddr: address,
    ForceNewCluster: false,
    ...(overlays === undefined ? {} : { DefaultAddrPool: [overlays], SubnetSize: 24 }),
    Spec: { Labels: { [LABEL.platform]: platform }, Dispatcher: { HeartbeatPeriod: HEARTBEAT } },
  });
  await settled(engine);
}

/** Joins a node to the Swarm of `manager`, as a worker. The token goes over the connection, into no argument and no log. */
export async function joinSwarm(engine: NodeEngine, manager: NodeEngine, managers: PoolNode[]): Promise<void> {
  const { JoinTokens } = await get<RawSwarm>(manager.docker, "/swarm");
  const { address } = targetOf(engine.node);
  const remotes = managers.flatMap((node) => (node.address === undefined ? [] : hostPort(node.address, 2377)));
  try {
    await engine.docker.swarmJoin({
      ListenAddr: hostPort(address, 2377),
      AdvertiseAddr: address,
      RemoteAddrs: remotes,
      JoinToken: JoinTokens.Worker,
    });
  } catch (error) {
    // It goes on trying by itself for as long as it is let.
    if ((await settled(engine)).LocalNodeState === "active") return;
    await leaveSwarm(engine).catch(() => undefined);
    throw new TerraceError("TERRACE_NODE_JOIN", `${engine.node.name} could not join the Swarm`, {
      where: `node ${engine.node.name}`,
      why: error instanceof Error ? error.message : String(error),
      next: "between all nodes, TCP 2377 and 7946 and UDP 7946 and 4789 must be open; then run this again",
      cause: error,
    });
  }
  await settled(engine);
}

/** Makes a node forget the Swarm that it is in. */
export async function leaveSwarm({ docker }: NodeEngine): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return void (await docker.swarmLeave({ force: true }));
    } catch (error) {
      // Docker gives its part in the Swarm 15 s to stop. That goes on stopping, and is let go of when Docker is asked again.
      if (!/context deadline exceeded/.test(String(error)) || attempt === LEAVE_ATTEMPTS) throw error;
    }
  }
}

/** The state once it is not on its way any more; waits 20 s at most. */
export async function settled(engine: NodeEngine): Promise<SwarmInfo> {
  const until = Date.now() + 20_000;
  for (;;) {
    const info = await swarmOf(engine);
    if (info.LocalNodeState !== "pending" || Date.now() > until) return info;
    await sleep(200);
  }
}

/** The nodes that a manager knows. */
export function listNodes(docker: Dockerode): Promise<RawNode[]> {
  return get<RawNode[]>(docker, "/nodes");
}

/** The Swarm of a manager; `undefined` where it has no leader. */
export function readSwarm(docker: Dockerode): Promise<RawSwarm | undefined> {
  return call<RawSwarm>(docker, "GET", "/swarm").catch(() => undefined);
}

/** Settings of the Swarm as a whole; true where they had to be changed. */
export async function tuneSwarm(docker: Dockerode): Promise<boolean> {
  const { Spec, Version } = await get<RawSwarm>(docker, "/swarm");
  if (Spec.Dispatcher?.HeartbeatPeriod === HEARTBEAT) return false;
  const spec = { ...Spec, Dispatcher: { ...Spec.Dispatcher, HeartbeatPeriod: HEARTBEAT } };
  await call(docker, "POST", "/swarm/update", { version: Version.Index }, spec);
  return true;
}

/** Adds labels to the Swarm as a whole. */
export async function labelSwarm(docker: Dockerode, labels: Record<string, string>): Promise<void> {
  const { Spec, Version } = await get<RawSwarm>(docker, "/swarm");
  const spec = { ...Spec, Labels: { ...Spec.Labels, ...labels } };
  await call(docker, "POST", "/swarm/update", { version: Version.Index }, spec);
}

/** Changes a node's specification; a version that moved in the meantime is read anew. */
export async function updateNode(
  docker: Dockerode,
  id: string,
  change: (spec: RawNode["Spec"]) => RawNode["Spec"],
): Promise<void> {
  await changeObject<RawNode>(docker, `/nodes/${id}`, ({ Spec }) => change(Spec));
}
