import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { freePool, parseNameServers, parseRoutes } from "./addresses.ts";
import type { Report } from "./report.ts";
import { type SwarmInfo, swarmStep } from "./swarm-state.ts";

export interface EnsureSwarmOptions {
  report: Report;
  /**
   * The address by which other nodes reach this one. Default `127.0.0.1`: a pool of one machine needs no more, opens no port to the network,
   * and goes on when the machine's address changes. A Swarm that other machines shall join needs a real one.
   */
  address?: string;
}

export interface SwarmReady {
  nodeId: string;
  /** Whether this call made the Swarm. */
  initialised: boolean;
}

/**
 * Comes to a Swarm whose manager this engine is: the existing one, untouched, or a new one.
 *
 * @throws TerraceError `TERRACE_SWARM_WORKER`, `_LOCKED`, `_PENDING`, `_ERROR`, `_INIT`, `_NO_LEADER`
 */
export async function ensureSwarm(docker: Dockerode, options: EnsureSwarmOptions): Promise<SwarmReady> {
  let info = await settledInfo(docker);
  let initialised = false;
  if (swarmStep(info) === "init") {
    initialised = await init(docker, options);
    info = await settledInfo(docker);
  }
  await requireLeader(docker);
  return { nodeId: info.NodeID ?? "", initialised };
}

/** The state once it is not "pending" any more, which it is for a moment while a Swarm is made or joined; waits 15 s at most. */
async function settledInfo(docker: Dockerode): Promise<SwarmInfo> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const { Swarm: swarm }: { Swarm?: SwarmInfo } = await docker.info();
    if (swarm?.LocalNodeState !== "pending" || Date.now() > deadline) return swarm ?? {};
    await sleep(200);
  }
}

/** True; or false where somebody else made this engine a manager in the meantime. */
async function init(docker: Dockerode, { report, address = "127.0.0.1" }: EnsureSwarmOptions): Promise<boolean> {
  report(`Initialising Docker Swarm on ${address}`);
  const pool = await poolForOverlays();
  try {
    await docker.swarmInit({
      ListenAddr: `${address}:2377`,
      AdvertiseAddr: address,
      ForceNewCluster: false,
      ...(pool === undefined ? {} : { DefaultAddrPool: [pool], SubnetSize: 24 }),
    });
    return true;
  } catch (error) {
    if (swarmStep(await settledInfo(docker)) === "manager") return false;
    throw new TerraceError("TERRACE_SWARM_INIT", "Docker Swarm could not be initialised", {
      where: address,
      why: error instanceof Error ? error.message : String(error),
      next: "mend the cause and repeat the command; ports 2377, 7946 and 4789 have to be free",
      cause: error,
    });
  }
}

/** A manager that lost the majority of the managers still says "active", and refuses every later request. */
async function requireLeader(docker: Dockerode): Promise<void> {
  await docker.swarmInspect().catch((error: unknown) => {
    throw new TerraceError("TERRACE_SWARM_NO_LEADER", "the Swarm has no leader, so nothing can be deployed", {
      why: error instanceof Error ? error.message : String(error),
      next: "bring back the other managers until more than half of them are up",
      cause: error,
    });
  });
}

/** Where the daemon runs elsewhere, this machine's routes say nothing about it; a wrong guess is no worse than Docker's default. */
async function poolForOverlays(): Promise<string | undefined> {
  const [routes, resolver] = await Promise.all(
    ["/proc/net/route", "/etc/resolv.conf"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  return freePool([...parseRoutes(routes ?? ""), ...parseNameServers(resolver ?? "")]);
}
