import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { get } from "../docker/index.ts";
import { type SwarmInfo, swarmStep } from "../host/index.ts";
import type { NodeEngine } from "./engine.ts";
import { type RawNode, type RawSwarm, readSwarm } from "./swarm.ts";

/** What a node is before it is joined. `stale`: it was ours, and the Swarm knows it no longer. */
export type Belonging = "none" | "manager" | "worker" | "stale";

/** ms until a manager without a leader counts as one that has lost its quorum. */
const LEADER_LIMIT = 30_000;
/** ms in which a manager that was away reaches the others again. */
const REVIVAL_LIMIT = 150_000;

/**
 * Tells a manager of our Swarm from one of another.
 *
 * @throws TerraceError `TERRACE_NODE_FOREIGN_SWARM`, `TERRACE_POOL_NO_QUORUM`, `TERRACE_SWARM_LOCKED`
 */
export async function requireOurs(engine: NodeEngine, platform: string): Promise<void> {
  const swarm = await patientSwarm(engine);
  if (swarm === undefined) {
    throw new TerraceError("TERRACE_POOL_NO_QUORUM", `${engine.node.name}: the Swarm has no leader`, {
      where: `node ${engine.node.name}`,
      why: "more than half of the managers are lost; sites go on, and nothing can be changed",
      next: "bring the other managers back; where they are lost for good: terrace pool recover (docs/recover.md)",
    });
  }
  const owner = swarm.Spec.Labels?.[LABEL.platform];
  if (owner === platform) return;
  throw foreign(engine, owner === undefined ? "somebody else made that Swarm" : `it is the platform ${owner}'s`);
}

/** Managers choose a leader anew when one of them starts or comes back; on a busy machine that has taken half a minute. */
async function patientSwarm({ docker }: NodeEngine): Promise<RawSwarm | undefined> {
  for (const until = Date.now() + LEADER_LIMIT; ; await sleep(500)) {
    const swarm = await readSwarm(docker);
    if (swarm !== undefined || Date.now() > until) return swarm;
  }
}

/** What a node that is no manager with a leader of its own belongs to, seen from our Swarm. */
export async function belonging(
  engine: NodeEngine,
  info: SwarmInfo,
  live: RawNode[],
  { addresses, platform }: { addresses: string[]; platform: string },
): Promise<Belonging> {
  if (info.LocalNodeState === "inactive") return "none";
  if (info.LocalNodeState === "locked") swarmStep(info);
  // An engine that fails at being what it was made, a manager, may tell no more than its address.
  const here = ({ ID, Status }: RawNode) =>
    ID === info.NodeID || (info.LocalNodeState === "error" && info.NodeAddr !== "" && Status.Addr === info.NodeAddr);
  const known = live.some(here);
  if (known && info.LocalNodeState === "active") return info.ControlAvailable === true ? "manager" : "worker";
  const remotes = (info.RemoteManagers ?? []).map(({ Addr }) => Addr.slice(0, Addr.lastIndexOf(":")));
  const ours = remotes.every((address) => addresses.includes(address.replace(/^\[|\]$/g, "")));
  if (known || (ours && remotes.length > 0)) return "stale";
  // One that its Swarm has thrown out may know no manager any more; what it keeps on its disk tells whose it was.
  if (remotes.length === 0 && (await holdsVolumes(engine, platform))) return "stale";
  throw foreign(engine, `its managers are ${remotes.join(", ") || "unknown"}`);
}

async function holdsVolumes({ docker }: NodeEngine, platform: string): Promise<boolean> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const { Volumes } = await get<{ Volumes: object[] | null }>(docker, "/volumes", { filters });
  return (Volumes ?? []).length > 0;
}

/**
 * What a manager without a leader is while the others have one. It holds an old Swarm where they don't count on it as a manager any more.
 * Else it was away, and its connections revive by themselves: TCP's pauses grow with the time that it was away, to two minutes.
 *
 * @throws TerraceError `TERRACE_POOL_NO_QUORUM` where it does not reach them again
 */
export async function comesBack(
  { docker, node }: NodeEngine,
  { NodeID }: SwarmInfo,
  live: RawNode[],
  { signal, report }: { signal: AbortSignal; report(line: string): void },
): Promise<"stale" | "manager"> {
  if (live.find(({ ID }) => ID === NodeID)?.ManagerStatus === undefined) return "stale";
  report("waits until it reaches the other managers again");
  for (const until = Date.now() + REVIVAL_LIMIT; Date.now() < until; await sleep(1000, undefined, { signal })) {
    if ((await readSwarm(docker)) !== undefined) return "manager";
  }
  throw new TerraceError("TERRACE_POOL_NO_QUORUM", `${node.name}: does not reach the other managers`, {
    where: `node ${node.name}`,
    why: "it is a manager of the Swarm, and knows no leader",
    next: "is TCP 2377 open between all managers? Then run this again",
  });
}

function foreign({ node }: NodeEngine, why: string): TerraceError {
  return new TerraceError("TERRACE_NODE_FOREIGN_SWARM", `${node.name} is in a Swarm that is not this platform's`, {
    where: `node ${node.name}`,
    why,
    next: "use another server; or where nothing of that Swarm is needed any more, `docker swarm leave --force` on it, then run this again",
  });
}
