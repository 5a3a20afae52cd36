import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { get, type RawService } from "../docker/index.ts";
import type { Pool } from "../pool/index.ts";
import { requireOurs } from "./belongs.ts";
import { type NodeEngine, swarmOf, targetOf } from "./engine.ts";
import { boundSites, nameOf, removeNode } from "./leave.ts";
import { chooseSurvivor, type Seen, surveyManagers } from "./survivors.ts";
import { hostPort, labelSwarm, listNodes, type RawNode, readSwarm } from "./swarm.ts";

export interface RecoverOptions {
  /** The workspace's folder. */
  root: string;
  platform: string;
  /** The name of the manager to go on from; the first of the file that is left where it is absent. */
  on?: string;
  signal: AbortSignal;
  report(line: string): void;
}

/** What is to be done, found out and not done. */
export interface Recovery {
  /** The node that the Swarm is founded anew on. */
  survivor: string;
  /** Other managers that are left: they leave what they hold, and join again by `terrace pool up`. */
  rejoin: string[];
  /** Nodes that do not answer. */
  lost: string[];
  /** Does it. */
  run(): Promise<Recovered>;
}

export interface Recovered {
  /** Names of the managers that were taken out of the Swarm. */
  removed: string[];
  /** Sites whose data is on one of them. */
  dataOn: { node: string; sites: string[] }[];
}

/** ms that the Swarm may take until it decides again. */
const LIMIT = 90_000;
/** ms in which servers that are there report to the new leader. */
const REPORTING = 30_000;

/**
 * Looks for a manager from which a Swarm that lost more than half of its managers can be founded anew. Nothing is changed.
 *
 * @throws TerraceError as {@link chooseSurvivor}
 */
export async function planRecovery(pool: Pool, options: RecoverOptions): Promise<Recovery> {
  options.report("asks every server what it knows of the Swarm");
  const seen = await surveyManagers(pool, options.root, options.signal);
  const survivor = chooseSurvivor(seen, options.on);
  const named = (state: Seen["state"]) => seen.filter((each) => each.state === state && each !== survivor);
  return {
    survivor: survivor.node.name,
    rejoin: named("leaderless").map(({ node }) => node.name),
    lost: [...named("lost"), ...named("stopped")].map(({ node }) => node.name),
    run: () => refound(survivor.engine, options),
  };
}

/** Swarm keeps services, secrets, networks and nodes; the survivor is its only manager, until others join it. */
async function refound(engine: NodeEngine, options: RecoverOptions): Promise<Recovered> {
  const { platform, signal, report } = options;
  const { name } = engine.node;
  const { address } = targetOf(engine.node);
  report(`${name}: founds the Swarm anew from what it knows of it`);
  signal.throwIfAborted();
  await engine.docker.swarmInit({
    ListenAddr: hostPort(address, 2377),
    AdvertiseAddr: address,
    ForceNewCluster: true,
    Spec: {},
  });
  await decides(engine);
  await requireOurs(engine, platform);
  // Managers that come back later, and are enough to decide among themselves, are told by it from this one.
  await labelSwarm(engine.docker, { [LABEL.recovered]: new Date().toISOString() });
  return letGo(engine, options);
}

async function decides(engine: NodeEngine): Promise<void> {
  for (const until = Date.now() + LIMIT; ; await sleep(500)) {
    if ((await readSwarm(engine.docker)) !== undefined) return;
    if (Date.now() < until) continue;
    throw new TerraceError("TERRACE_POOL_NO_QUORUM", `${engine.node.name}: the Swarm has no leader yet`, {
      where: `node ${engine.node.name}`,
      next: "`docker info` and the log of dockerd there say why; then run this again",
    });
  }
}

/** The other managers' part in the Swarm ended with the old one. Workers find the new leader by themselves. */
async function letGo(engine: NodeEngine, { signal, report }: RecoverOptions): Promise<Recovered> {
  const { docker } = engine;
  const { NodeID } = await swarmOf(engine);
  const others = (await listNodes(docker)).filter(({ ID }) => ID !== NodeID);
  const managers = others.filter(({ Spec }) => Spec.Role === "manager");
  const services = await get<RawService[]>(docker, "/services");
  const recovered: Recovered = { removed: [], dataOn: [] };
  for (const node of managers) {
    const sites = boundSites(services, node);
    if (sites.length > 0) recovered.dataOn.push({ node: nameOf(node), sites });
    await removeNode(node.ID, { docker, signal, report: () => report(`${nameOf(node)}: is taken out of the Swarm`) });
    recovered.removed.push(nameOf(node));
  }
  recovered.removed.sort();
  await reported(
    engine,
    others.filter((node) => !managers.includes(node)),
    report,
  );
  return recovered;
}

async function reported({ docker }: NodeEngine, workers: RawNode[], report: (line: string) => void): Promise<void> {
  const silent = async () => {
    const ready = (await listNodes(docker)).filter(({ Status }) => Status.State === "ready").map(({ ID }) => ID);
    return workers.filter(({ ID }) => !ready.includes(ID));
  };
  for (const until = Date.now() + REPORTING; (await silent()).length > 0 && Date.now() < until; ) await sleep(300);
  for (const node of await silent()) report(`${nameOf(node)}: does not answer; it takes part again when it is back`);
}
