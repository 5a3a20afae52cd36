import { formatSize } from "../units/index.ts";
import { Board, takesTasks } from "./board.ts";
import type { Ask, Demand, NodeState, PoolState, ServiceState } from "./types.ts";

/** Why a service can't be placed. */
export interface Refusal {
  service: string;
  title: string;
  /** E.g. `2 of its 3 containers fit on no node: each reserves 8GiB`. */
  what: string;
  /** E.g. `n1 has most left, 3GiB: 5GiB are missing`. */
  why: string;
}

export interface Fit {
  refused: Refusal[];
  /** Sentences about what the loss of one node would mean. */
  warnings: string[];
}

/**
 * Whether a plan's services find room, in the order in which they are given: each is placed as Swarm would, beside all that is
 * there. A pool whose nodes have not told what they have is not judged.
 */
export function checkFit(state: PoolState, demands: readonly Demand[]): Fit {
  if (state.nodes.every(({ memory }) => memory === 0)) return { refused: [], warnings: [] };
  let board = Board.of(state);
  const live = new Map(state.services.map((service) => [service.name, service]));
  const refused: Refusal[] = [];
  for (const demand of demands) {
    const attempt = board.copy();
    const refusal = place(attempt, demand, live.get(demand.service));
    if (refusal === undefined) board = attempt;
    else refused.push(refusal);
  }
  const out = new Set(refused.map(({ service }) => service));
  const wanted = new Map(state.services.map(({ name, site, asks }) => [name, { title: site || name, asks }]));
  for (const { service, title, asks } of demands) if (!out.has(service)) wanted.set(service, { title, asks });
  return { refused, warnings: lossWarnings(board, wanted) };
}

/** Whether one container more of a service would find room on a node that has none of it yet. */
export function hasRoomApart(state: PoolState, { name, asks }: ServiceState): boolean {
  const board = Board.of(state);
  const there = board.tasksOf(name);
  const node = board.place(name, asks);
  return node !== undefined && !there.has(node.id);
}

/** Puts one service where it is to be. */
function place(board: Board, demand: Demand, live: ServiceState | undefined): Refusal | undefined {
  const { service, asks, restarts, startFirst } = demand;
  if (asks.replicas === "global") return placeGlobal(board, demand, live);
  const before = live?.asks ?? asks;
  const placed = sum(board.tasksOf(service).values());
  const kept = Math.min(placed, asks.replicas);
  for (let done = 0; restarts && done < kept; done++) {
    if (!startFirst) board.release(service, before);
    if (board.place(service, asks) === undefined) return refusal(board, demand, kept - done, startFirst);
    if (startFirst) board.release(service, before);
  }
  for (let done = placed; done < asks.replicas; done++) {
    if (board.place(service, asks) === undefined) return refusal(board, demand, asks.replicas - done, false);
  }
  for (let left = placed; left > asks.replicas; left--) board.release(service, before);
  return undefined;
}

/** A global service stops before it starts, so it needs room only where it is not yet, or where it asks for more than before. */
function placeGlobal(board: Board, demand: Demand, live: ServiceState | undefined): Refusal | undefined {
  const { service, asks } = demand;
  const there = board.tasksOf(service);
  for (const node of board.eligible(asks)) {
    if (there.has(node.id)) {
      if (!demand.restarts) continue;
      board.release(service, live?.asks ?? asks, node.id);
    }
    const here = { ...asks, constraints: [`node.id == ${node.id}`], perNode: 1 };
    if (board.place(service, here) === undefined) return refusal(board, { ...demand, asks: here }, 1, false);
  }
  return undefined;
}

function refusal(board: Board, demand: Demand, count: number, beside: boolean): Refusal {
  const { service, title, asks } = demand;
  const total = asks.replicas === "global" ? "" : ` of its ${asks.replicas} containers`;
  const moment = beside ? ", while the old one still runs" : "";
  const memory = asks.memory > 0 ? `${formatSize(asks.memory)} of memory` : "";
  const cpus = asks.cpus > 0 ? `${asks.cpus} cores` : "";
  const reserves = [memory, cpus].filter(Boolean).join(" and ") || "a place";
  const what = `${count}${total} fit on no node: each reserves ${reserves}${moment}`;
  return { service, title, what, why: reason(board, service, asks) };
}

function reason(board: Board, service: string, asks: Ask): string {
  const eligible = board.eligible(asks);
  if (eligible.length === 0) {
    return asks.constraints.length === 0
      ? "no node of the pool is ready and active"
      : `no node that is ready and active fulfils ${asks.constraints.join(", ")}`;
  }
  const nearest = board.nearest(service, asks);
  if (nearest === undefined) return `each node has ${asks.perNode} of them already, as many as it may have`;
  if (nearest.memory >= asks.memory) return "no node has so many cores left to reserve";
  const left = Math.max(0, nearest.memory);
  return `${nearest.node.name} has most left to reserve, ${size(left)}: ${size(asks.memory - left)} are missing`;
}

/** Why a node can't be spared, as half a sentence; `undefined` where all that is on it and can move finds room elsewhere. */
export function missingWithout(state: PoolState, id: string): string | undefined {
  if (state.nodes.every(({ memory }) => memory === 0)) return undefined;
  const board = Board.of(state);
  const services = new Map(state.services.map(({ name, site, asks }) => [name, { title: site || name, asks }]));
  const node = state.nodes.find((each) => each.id === id);
  if (node === undefined || !board.nodes().some((each) => each.id !== id && takesTasks(each))) {
    return "no other node takes containers";
  }
  const homeless = homelessWithout(board, node, services);
  return homeless === undefined ? undefined : `${homeless} no room elsewhere`;
}

/** What would find no place elsewhere if one node were lost. Tasks that are bound to it alone are not counted: they wait for it. */
function lossWarnings(board: Board, services: ReadonlyMap<string, { title: string; asks: Ask }>): string[] {
  const active = board.nodes().filter(takesTasks);
  if (active.length < 2) return [];
  return active.flatMap((node) => {
    const homeless = homelessWithout(board, node, services);
    return homeless === undefined ? [] : `if ${node.name} is lost, ${homeless} no room elsewhere`;
  });
}

/** E.g. `2 containers (www, shop) with 3GiB of memory find`. */
function homelessWithout(
  board: Board,
  node: NodeState,
  services: ReadonlyMap<string, { title: string; asks: Ask }>,
): string | undefined {
  const rest = board.copy();
  const homeless = [...rest.lose(node.id)]
    .flatMap(([service, count]) => {
      const known = services.get(service);
      const movable = known !== undefined && known.asks.replicas !== "global" && rest.eligible(known.asks).length > 0;
      return movable ? Array.from({ length: count }, () => ({ service, ...known })) : [];
    })
    .sort((a, b) => b.asks.memory - a.asks.memory)
    .filter(({ service, asks }) => rest.place(service, asks) === undefined);
  if (homeless.length === 0) return undefined;
  const titles = [...new Set(homeless.map(({ title }) => title))];
  const named =
    titles.length > 5 ? `${titles.slice(0, 5).join(", ")} and ${titles.length - 5} more` : titles.join(", ");
  const memory = size(sum(homeless.map(({ asks }) => asks.memory)));
  const one = homeless.length === 1;
  const containers = one ? "1 container" : `${homeless.length} containers`;
  return `${containers} (${named}) with ${memory} of memory ${one ? "finds" : "find"}`;
}

/** Bytes for a sentence: exact where short, else to a tenth. */
function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : formatSize(bytes);
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
