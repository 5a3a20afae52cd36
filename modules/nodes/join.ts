import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import { LABEL } from "../core/labels.ts";
import { get, type RawService } from "../docker/index.ts";
import type { SwarmInfo } from "../host/index.ts";
import { managers as managersOf, type Pool, type PoolNode } from "../pool/index.ts";
import { Connection } from "../ssh/index.ts";
import { belonging, comesBack, requireOurs } from "./belongs.ts";
import { engineOver, type NodeEngine, swarmOf, targetOf } from "./engine.ts";
import { type NodeFacts, readFacts, requireFit } from "./facts.ts";
import { seedRegistry } from "./images.ts";
import { boundVolumes, demoted, drainNode, nameOf, removeNode } from "./leave.ts";
import { prepare } from "./prepare.ts";
import { promote } from "./promote.ts";
import { LEFT_OUT, orphaned, stillNeeded } from "./refusals.ts";
import {
  initSwarm,
  joinSwarm,
  leaveSwarm,
  listNodes,
  type RawNode,
  readSwarm,
  settled,
  tuneSwarm,
  updateNode,
} from "./swarm.ts";
import type { JoinOptions, NodeOutcome } from "./types.ts";
import { differs, removedNodes, wantedLabels, wantedRole } from "./wanted.ts";

/** A node on its way. */
interface Member {
  node: PoolNode;
  outcome: NodeOutcome;
  facts?: NodeFacts;
  engine?: NodeEngine;
  /** A manager of what the Swarm was before it was recovered. */
  outdated?: boolean;
  connection?: Connection;
}

type Ready = Member & { engine: NodeEngine; facts: NodeFacts };

/**
 * Makes the servers of a pool one Swarm as the file says: Docker installed and set, joined with the right role, labels and availability;
 * a node that left the file is drained and removed once its tasks have moved. Doing it again changes nothing; where it was killed it goes
 * on. A node that can't be reached, or is not fit, stops no other: its outcome says why.
 */
export async function joinPool(pool: Pool, options: JoinOptions): Promise<NodeOutcome[]> {
  if (pool.driver === "local") return [];
  const members = pool.nodes.map((node): Member => {
    return { node, outcome: { node: node.name, address: node.address, did: [], notes: [], fault: undefined } };
  });
  try {
    await Promise.all(members.map((member) => guarded(member, options, () => makeReady(member, options))));
    const manager = await findManager(pool, members, options);
    const gone = manager === undefined ? [] : await shapeAlone(pool, manager, members, options);
    return [...members.map(({ outcome }) => outcome), ...gone];
  } finally {
    for (const { connection } of members) connection?.close();
  }
}

/** What goes wrong with one node is said in its outcome. */
async function guarded(member: Member, { signal, report }: JoinOptions, work: () => Promise<void>): Promise<void> {
  signal.throwIfAborted();
  if (member.outcome.fault !== undefined) return;
  try {
    await work();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    member.outcome.fault = error instanceof TerraceError ? error : unexpected(member.node.name, error);
    const { name } = member.node;
    const { message } = member.outcome.fault;
    report(name, message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message);
  }
}

function unexpected(node: string, error: unknown): TerraceError {
  return new TerraceError("TERRACE_NODE_FAILED", `${node}: could not be made part of the pool`, {
    where: `node ${node}`,
    why: error instanceof Error ? error.message : String(error),
    next: "run this again: it goes on where it stopped",
    cause: error,
  });
}

/** Logs in, looks, refuses what is not fit before anything is changed, and brings Docker up. */
async function makeReady(member: Member, { root, signal, report, encrypted }: JoinOptions): Promise<void> {
  const { node, outcome } = member;
  const say = (line: string) => report(node.name, line);
  member.connection = await Connection.open(targetOf(node), { root, signal });
  const facts = await readFacts(member.connection, signal);
  requireFit({ name: node.name, encrypted, edge: node.roles.includes("edge") }, facts);
  const { did, notes } = await prepare({ connection: member.connection, facts, signal, report: say });
  outcome.did.push(...did);
  outcome.notes.push(...notes);
  await admit(member);
  member.engine = await engineOver(node, member.connection);
  member.facts = facts;
}

/** Whoever is not root reaches Docker as a member of its group, from the next log-in on. */
async function admit({ connection, node }: Member): Promise<void> {
  if (connection === undefined || node.ssh.user === "root") return;
  await connection.root(`id -nG ${node.ssh.user} | grep -qw docker || usermod -aG docker ${node.ssh.user}`);
}

function isReady(member: Member): member is Ready {
  return member.engine !== undefined && member.facts !== undefined && member.outcome.fault === undefined;
}

/** A manager of our Swarm; the first one of the file founds it where there is none. */
async function findManager(pool: Pool, members: Member[], options: JoinOptions): Promise<Ready | undefined> {
  const deciding: Ready[] = [];
  for (const member of members.filter(isReady)) {
    const info = await settled(member.engine);
    if (info.LocalNodeState === "active" && info.ControlAvailable === true) deciding.push(member);
  }
  await Promise.all(
    deciding.map((member) => guarded(member, options, () => requireOurs(member.engine, options.platform))),
  );
  const found = await current(deciding.filter(isReady));
  const manager = found.find(({ node }) => wantedRole(node) === "manager") ?? found[0];
  const lost = deciding.filter(({ outcome }) => outcome.fault?.code === "TERRACE_POOL_NO_QUORUM");
  if (manager === undefined) {
    return lost[0]?.outcome.fault ? giveUp(members, lost[0].outcome.fault) : foundSwarm(pool, members, options);
  }
  // The Swarm was recovered without these: they hold what it was before.
  for (const member of lost) Object.assign(member, { outdated: true }).outcome.fault = undefined;
  return manager;
}

/**
 * Those of several managers that are in the Swarm as it is now. Managers that were away while it was recovered, and are enough to decide
 * among themselves when they come back, have one without that mark, or with an older one.
 */
async function current(found: Ready[]): Promise<Ready[]> {
  const marks = await Promise.all(
    found.map(async ({ engine }) => (await readSwarm(engine.docker))?.Spec.Labels?.[LABEL.recovered] ?? ""),
  );
  const newest = marks.toSorted().at(-1);
  for (const [index, member] of found.entries()) member.outdated = marks[index] !== newest;
  return found.filter(({ outdated }) => outdated !== true);
}

/**
 * Only the first manager of the file founds a Swarm, and only while most managers answer: one that is out of reach may hold the Swarm
 * that is looked for, and a second one beside it would be worse than waiting.
 */
async function foundSwarm(pool: Pool, members: Member[], options: JoinOptions): Promise<Ready | undefined> {
  const deciding = managersOf(pool);
  const first = members.find(({ node }) => node === deciding[0]);
  const present = members.filter((member) => deciding.includes(member.node) && isReady(member));
  const held = await heldBy(members.filter(isReady));
  if (held.length > 0) return giveUp(members, orphaned(held));
  if (first === undefined || !isReady(first) || present.length * 2 <= deciding.length) {
    return giveUp(members, noManager(deciding, members));
  }
  options.report(first.node.name, "initialises the Swarm");
  await guarded(first, options, () => initSwarm(first.engine, options.platform, first.facts.routes, pool.nodes));
  if (first.outcome.fault !== undefined) return giveUp(members, first.outcome.fault);
  first.outcome.did.push("initialised");
  return first;
}

/** Names of nodes that are in a Swarm of which no manager answers. */
async function heldBy(members: Ready[]): Promise<string[]> {
  const states = await Promise.all(members.map(async ({ engine }) => (await swarmOf(engine)).LocalNodeState));
  return members.filter((_, index) => states[index] !== "inactive").map(({ node }) => node.name);
}

function noManager(deciding: PoolNode[], members: Member[]): TerraceError {
  const missing = deciding.filter((node) => !members.some((member) => member.node === node && isReady(member)));
  return new TerraceError("TERRACE_POOL_NO_MANAGER", "no manager of this pool's Swarm can be reached", {
    where: "platform.yaml, pool",
    why: `${missing.map(({ name }) => name).join(", ") || "every manager"} may hold it, so no other one is made`,
    next: "mend what is said of these nodes, or take them out of the file, then run this again",
  });
}

function giveUp(members: Member[], fault: TerraceError): undefined {
  for (const { outcome } of members) outcome.fault ??= fault;
}

/** A manager that is to be one no longer can't hold a lock to the end: there nobody else is kept away. */
function shapeAlone(pool: Pool, manager: Ready, members: Member[], options: JoinOptions): Promise<NodeOutcome[]> {
  if (wantedRole(manager.node) !== "manager") return shape(pool, manager, members, options);
  return options.alone(manager.engine.docker, (signal) => shape(pool, manager, members, { ...options, signal }));
}

/**
 * Brings all nodes to what the file says. Each joins as a worker, and managers are made of them one after another: one that is slow to
 * join as a manager counts for the majority before it can vote, and taking it out again would leave the Swarm without one.
 */
async function shape(pool: Pool, manager: Ready, members: Member[], options: JoinOptions): Promise<NodeOutcome[]> {
  const { docker } = manager.engine;
  await tuneSwarm(docker);
  const joining = members.filter(isReady).filter((member) => member !== manager);
  await Promise.all(joining.map((member) => guarded(member, options, () => join(pool, member, manager, options))));
  const present = members.filter(isReady);
  const decides = ({ node }: Ready) => wantedRole(node) === "manager";
  const deciding = present.filter(decides);
  await Promise.all(present.map((each) => guarded(each, options, () => adjust(each, manager))));
  for (const each of deciding) {
    const missing = deciding.find(({ outcome }) => outcome.fault !== undefined);
    await guarded(each, options, () => makeManager(each, manager, options, missing?.node.name));
  }
  const lead = deciding.find(isReady) ?? manager;
  const gone = removedNodes(pool.nodes, await listNodes(lead.engine.docker));
  // Those that are managers now are needed until those that take their place are.
  const missing = managersOf(pool).find((node) => !deciding.some((each) => each.node === node && isReady(each)));
  const outgoing = members.filter(isReady).filter((each) => !decides(each));
  for (const each of outgoing) await guarded(each, options, () => demote(each, lead, options, missing?.name));
  return Promise.all(gone.map((node) => sendAway(node, lead, options, missing?.name)));
}

async function join(pool: Pool, member: Ready, manager: Ready, options: JoinOptions): Promise<void> {
  const { report, signal, platform } = options;
  const info = await settled(member.engine);
  const addresses = pool.nodes.flatMap(({ address }) => address ?? []);
  const live = await listNodes(manager.engine.docker);
  const say = (line: string) => report(member.node.name, line);
  const state = member.outdated
    ? await comesBack(member.engine, info, live, { signal, report: say })
    : await belonging(member.engine, info, live, { addresses, platform });
  // One that was away is heard of again within seconds.
  if (state === "manager" || state === "worker") return isUp(member, manager);
  if (state === "stale") {
    report(member.node.name, "leaves a Swarm that knows it no longer");
    await leaveSwarm(member.engine);
    await forget(info.NodeID ?? "", live, manager);
  }
  await requireDisk(member, manager);
  for (const { ID } of formerly(member.node, live, info)) await forget(ID, live, manager);
  report(member.node.name, "joins");
  await joinSwarm(member.engine, manager.engine, [manager.node]);
  member.outcome.did.push("joined");
  await isUp(member, manager);
  await seedRegistry(manager.engine.docker, member.engine.docker);
}

/**
 * Sites are bound to a node by its name. A server that was installed anew, or stands in for a lost one, has not what they had on its disk.
 *
 * @throws TerraceError `TERRACE_NODE_EMPTY`
 */
async function requireDisk({ node, engine }: Ready, manager: Ready): Promise<void> {
  const services = await get<RawService[]>(manager.engine.docker, "/services");
  const bound = boundVolumes(services, node.name);
  if (bound.length === 0) return;
  const { Volumes } = await get<{ Volumes: { Name: string }[] | null }>(engine.docker, "/volumes");
  const there = new Set((Volumes ?? []).map(({ Name }) => Name));
  const sites = [...new Set(bound.filter(({ volume }) => !there.has(volume)).map(({ site }) => site))].sort();
  if (sites.length === 0) return;
  throw new TerraceError("TERRACE_NODE_EMPTY", `${node.name}: the volumes of ${sites.join(", ")} are not on its disk`, {
    where: `node ${node.name}`,
    why: "it was installed anew, or is another server than the one that had them: the site would come up empty",
    next: "give it another name; docs/recover.md says how the site comes up on another node from its backup; then run this again",
  });
}

/** Entries of servers that had its name and are gone; also of this very one, which Swarm may not have missed yet. */
function formerly({ name, address }: PoolNode, live: RawNode[], { NodeID }: SwarmInfo): RawNode[] {
  const gone = ({ Status }: RawNode) => Status.State === "down" || (address !== undefined && Status.Addr === address);
  return live.filter((each) => each.ID !== NodeID && nameOf(each) === name && gone(each));
}

/** The others take a node for lost until they have heard of it; 20 s at most. */
async function isUp(member: Ready, { engine: { docker } }: Ready): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(200)) {
    if ((await entryOf(member, docker).catch(() => undefined))?.Status.State === "ready") return;
  }
}

/** The entry of what a node was before would stay as one that is down for ever. */
async function forget(id: string, live: RawNode[], { engine: { docker } }: Ready): Promise<void> {
  const entry = live.find(({ ID }) => ID === id);
  if (entry !== undefined)
    await removeNode(id, { docker, signal: new AbortController().signal, report: () => undefined });
}

/** Labels and availability, as far as they differ. */
async function adjust(member: Ready, { engine: { docker } }: Ready): Promise<void> {
  const { node, outcome } = member;
  const live = await entryOf(member, docker);
  const { labels, availability } = differs(node, live);
  if (!labels && !availability) return;
  await updateNode(docker, live.ID, (spec) => ({
    ...spec,
    Labels: wantedLabels(node, spec.Labels ?? {}),
    Availability: node.availability,
  }));
  if (labels) outcome.did.push("labelled");
  if (availability && node.availability === "drain") outcome.did.push("drained");
}

async function makeManager(
  member: Ready,
  manager: Ready,
  { report }: JoinOptions,
  missing: string | undefined,
): Promise<void> {
  const { engine, connection } = manager;
  const { docker } = engine;
  const { node, outcome } = member;
  const say = (line: string) => report(node.name, line);
  const live = await entryOf(member, docker);
  const made = await promote(live, { name: node.name, docker, connection, missing, report: say }).catch(
    async (error) => {
      if ((error as TerraceError).reason === LEFT_OUT) await joinAgain(member, live, manager, say);
      throw error;
    },
  );
  if (made && !outcome.did.includes("joined")) outcome.did.push("promoted");
}

/** Swarm lets no node off that never was the manager that it was made; what it keeps on its disk stays. */
async function joinAgain(member: Ready, entry: RawNode, manager: Ready, report: (line: string) => void): Promise<void> {
  report("joins again as a worker");
  try {
    await leaveSwarm(member.engine);
    await forget(entry.ID, [entry], manager);
    await joinSwarm(member.engine, manager.engine, [manager.node]);
    await isUp(member, manager);
    await adjust(member, manager);
  } catch (error) {
    report(`does not get in: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Last of all, when those that take its place decide already. A manager can't be asked to let go of itself.
 *
 * @param missing one of those that take its place and does not decide yet
 */
async function demote(
  member: Ready,
  manager: Ready,
  { report }: JoinOptions,
  missing: string | undefined,
): Promise<void> {
  const { docker } = manager.engine;
  const live = await entryOf(member, docker);
  if (live.Spec.Role === "worker") return;
  if (missing !== undefined) throw stillNeeded(member.node.name, missing);
  report(member.node.name, "becomes a worker");
  await updateNode(docker, live.ID, (spec) => ({ ...spec, Role: "worker" }));
  await demoted(docker, live.ID).catch(() => undefined);
  // Until it has noticed itself, the next run would take it for a manager that lost the others.
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(200)) {
    if ((await swarmOf(member.engine).catch(() => undefined))?.ControlAvailable === false) break;
  }
  member.outcome.did.push("demoted");
}

async function entryOf({ engine }: Ready, docker: Ready["engine"]["docker"]): Promise<RawNode> {
  const { NodeID } = await settled(engine);
  const entry = (await listNodes(docker)).find(({ ID }) => ID === NodeID);
  if (entry === undefined) throw new Error(`the Swarm does not know ${engine.node.name}`);
  return entry;
}

/**
 * Drains a node that left the file, and removes it once its tasks run elsewhere.
 *
 * @param missing a manager of the file that does not decide yet: until it does, no manager goes
 */
async function sendAway(
  node: RawNode,
  { engine: { docker } }: Ready,
  options: JoinOptions,
  missing: string | undefined,
): Promise<NodeOutcome> {
  const name = nameOf(node);
  const outcome: NodeOutcome = { node: name, address: node.Status.Addr, did: [], notes: [], fault: undefined };
  const member = { node: { name } as PoolNode, outcome };
  const leaving = { docker, signal: options.signal, report: (line: string) => options.report(name, line) };
  await guarded(member, options, async () => {
    if (node.ManagerStatus?.Reachability === "reachable" && missing !== undefined) throw stillNeeded(name, missing);
    await drainNode(node.ID, leaving);
    outcome.did.push("drained");
    await removeNode(node.ID, leaving);
    outcome.did.push("removed");
  });
  return outcome;
}
