import { allows } from "./constraints.ts";
import type { Ask, NodeState, PoolState } from "./types.ts";

/** A node's room, and how many tasks of each service it has. */
interface Slot {
  node: NodeState;
  memory: number;
  cpus: number;
  tasks: Map<string, number>;
}

/** The reservations of a pool, moved as Swarm's scheduler would. Changes nothing but itself. */
export class Board {
  readonly #slots: Slot[];

  private constructor(slots: Slot[]) {
    this.#slots = slots;
  }

  /** As the pool is now. Nodes that take no tasks have no room, but their tasks are known. */
  static of({ nodes, services }: PoolState): Board {
    const board = new Board(
      nodes.map((node) => ({ node, memory: node.memory, cpus: node.cpus, tasks: new Map<string, number>() })),
    );
    for (const { name, asks, tasks } of services) {
      for (const { node } of tasks) {
        const slot = board.#slots.find((each) => each.node.id === node);
        if (slot !== undefined) take(slot, name, asks, 1);
      }
    }
    return board;
  }

  copy(): Board {
    return new Board(this.#slots.map((slot) => ({ ...slot, tasks: new Map(slot.tasks) })));
  }

  /** Nodes that a task of the service may be on, those with the fewest of its tasks first, then those with most room. */
  #candidates(service: string, asks: Ask): Slot[] {
    const count = (slot: Slot) => slot.tasks.get(service) ?? 0;
    return this.#slots
      .filter(({ node }) => takesTasks(node) && allows(asks.constraints, node))
      .filter((slot) => asks.perNode === 0 || count(slot) < asks.perNode)
      .sort((a, b) => count(a) - count(b) || b.memory - a.memory);
  }

  /** Puts one more task somewhere, and returns the node; `undefined` where none has room. */
  place(service: string, asks: Ask): NodeState | undefined {
    const slot = this.#candidates(service, asks).find(({ memory, cpus }) => memory >= asks.memory && cpus >= asks.cpus);
    if (slot === undefined) return undefined;
    take(slot, service, asks, 1);
    return slot.node;
  }

  /** Takes one task of a service away from where there are most of them. */
  release(service: string, asks: Ask, node?: string): void {
    const count = (slot: Slot) => slot.tasks.get(service) ?? 0;
    const from = this.#slots
      .filter((slot) => count(slot) > 0 && (node === undefined || slot.node.id === node))
      .sort((a, b) => count(b) - count(a))[0];
    if (from !== undefined) take(from, service, asks, -1);
  }

  /** Tasks of a service by the id of their node. */
  tasksOf(service: string): Map<string, number> {
    return new Map(
      this.#slots.flatMap(({ node, tasks }) => (tasks.has(service) ? [[node.id, tasks.get(service) ?? 0]] : [])),
    );
  }

  /** The node where a task of the service comes nearest to fitting, with the bytes that it has left. */
  nearest(service: string, asks: Ask): { node: NodeState; memory: number } | undefined {
    return this.#candidates(service, asks).toSorted((a, b) => b.memory - a.memory)[0];
  }

  /** Nodes that tasks of the service may be on at all. */
  eligible(asks: Ask): NodeState[] {
    return this.#slots.map(({ node }) => node).filter((node) => takesTasks(node) && allows(asks.constraints, node));
  }

  /** Takes a node out, with all that is on it. */
  lose(node: string): Map<string, number> {
    const index = this.#slots.findIndex((slot) => slot.node.id === node);
    return index < 0 ? new Map() : (this.#slots.splice(index, 1)[0]?.tasks ?? new Map());
  }

  nodes(): NodeState[] {
    return this.#slots.map(({ node }) => node);
  }
}

export function takesTasks({ availability, state }: NodeState): boolean {
  return availability === "active" && state === "ready";
}

function take(slot: Slot, service: string, asks: Ask, count: 1 | -1): void {
  slot.memory -= count * asks.memory;
  slot.cpus -= count * asks.cpus;
  const left = (slot.tasks.get(service) ?? 0) + count;
  if (left > 0) slot.tasks.set(service, left);
  else slot.tasks.delete(service);
}
