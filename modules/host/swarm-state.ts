import { TerraceError } from "../core/errors.ts";

/** The part of `GET /info` that tells what this engine is in a Swarm. All of it may be absent or empty. */
export interface SwarmInfo {
  LocalNodeState?: string;
  ControlAvailable?: boolean;
  Error?: string;
  NodeID?: string;
  NodeAddr?: string;
  RemoteManagers?: { NodeID: string; Addr: string }[] | null;
}

/**
 * Whether a Swarm has to be initialised, or this engine is the manager of one already.
 *
 * @throws TerraceError in every other state, because an existing Swarm is somebody's and is left alone
 */
export function swarmStep(info: SwarmInfo): "init" | "manager" {
  switch (info.LocalNodeState) {
    case "inactive":
      return "init";
    case "active":
      if (info.ControlAvailable === true) return "manager";
      throw new TerraceError(
        "TERRACE_SWARM_WORKER",
        "this machine is a worker of a Swarm, and only a manager can deploy",
        {
          why: managers(info),
          next: "run the command on a manager, or name one with DOCKER_HOST (ssh://USER@MANAGER)",
        },
      );
    case "locked":
      throw new TerraceError("TERRACE_SWARM_LOCKED", "the Swarm of this machine is locked", {
        why: "it was restarted with autolock on",
        next: 'unlock it with "docker swarm unlock" and repeat the command',
      });
    case "pending":
      throw new TerraceError("TERRACE_SWARM_PENDING", "this machine is joining a Swarm just now", {
        next: 'wait until "docker info" shows "Swarm: active" and repeat the command',
      });
    default:
      throw new TerraceError("TERRACE_SWARM_ERROR", "the Swarm of this machine is out of order", {
        why: info.Error || `its state is ${info.LocalNodeState || "unknown"}`,
        next: 'mend it, or give it up for good with "docker swarm leave --force", and repeat the command',
      });
  }
}

function managers(info: SwarmInfo): string | undefined {
  const list = (info.RemoteManagers ?? []).map((each) => each.Addr);
  return list.length === 0 ? undefined : `its managers are ${list.join(", ")}`;
}
