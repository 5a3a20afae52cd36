import Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { agree } from "../docker/index.ts";
import type { SwarmInfo } from "../host/index.ts";
import type { PoolNode } from "../pool/index.ts";
import { Connection, type ConnectOptions, type Target } from "../ssh/index.ts";

/** A node's Docker Engine, reached over SSH. */
export interface NodeEngine {
  node: PoolNode;
  connection: Connection;
  docker: Dockerode;
}

const SOCKET = "/var/run/docker.sock";

/**
 * How a node is reached.
 *
 * @throws TerraceError `TERRACE_NODE_NO_ADDRESS`
 */
export function targetOf({ name, address, ssh }: PoolNode): Target {
  if (address !== undefined) return { name, address, ssh };
  throw new TerraceError("TERRACE_NODE_NO_ADDRESS", `${name} has no address yet`, {
    where: "platform.yaml, pool",
    next: "terrace pool up makes its server and learns its address",
  });
}

/** Brings the engine of a node here over a connection that is open. */
export async function engineOver(node: PoolNode, connection: Connection): Promise<NodeEngine> {
  const socketPath = await connection.forward(SOCKET);
  const version = await new Dockerode({ socketPath, timeout: 15_000 }).version().catch((error: Error) => {
    throw new TerraceError("TERRACE_NODE_NO_DOCKER", `${node.name}: Docker Engine does not answer`, {
      where: `node ${node.name}`,
      why:
        node.ssh.user === "root" ? error.message : `${error.message}; is ${node.ssh.user} in the group docker there?`,
      next: "terrace pool up starts it",
      cause: error,
    });
  });
  const api = agree(Number(version.ApiVersion), Number(version.MinAPIVersion ?? version.ApiVersion));
  return { node, connection, docker: new Dockerode({ socketPath, version: `v${api}` }) };
}

/** Logs in to a node whose Docker runs already. */
export async function openEngine(node: PoolNode, options: ConnectOptions): Promise<NodeEngine> {
  const connection = await Connection.open(targetOf(node), options);
  try {
    return await engineOver(node, connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Logs in to all of some nodes at once. `faults` says by a node's name why it could not be reached. */
export async function openEngines(
  nodes: readonly PoolNode[],
  options: ConnectOptions,
): Promise<{ engines: NodeEngine[]; faults: Map<string, TerraceError> }> {
  const faults = new Map<string, TerraceError>();
  const open = async (node: PoolNode) => {
    try {
      return [await openEngine(node, options)];
    } catch (error) {
      if (!(error instanceof TerraceError)) throw error;
      faults.set(node.name, error);
      return [];
    }
  };
  return { engines: (await Promise.all(nodes.map(open))).flat(), faults };
}

/** What an engine is in a Swarm. */
export async function swarmOf({ docker }: NodeEngine): Promise<SwarmInfo> {
  const { Swarm }: { Swarm?: SwarmInfo } = await docker.info();
  return Swarm ?? {};
}
