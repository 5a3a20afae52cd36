import type Dockerode from "dockerode";
import type { TerraceError } from "../core/errors.ts";

/** What was done to a node, in this order. Empty where it was as the file says already. */
export const DEEDS = [
  "installed",
  "configured",
  "started",
  "initialised",
  "joined",
  "promoted",
  "demoted",
  "labelled",
  "drained",
  "removed",
] as const;
export type Deed = (typeof DEEDS)[number];

/** What became of one node. */
export interface NodeOutcome {
  node: string;
  address: string | undefined;
  did: Deed[];
  /** What the operator should know though it is no fault, one sentence each. */
  notes: string[];
  /** Why it is not as the file says. */
  fault: TerraceError | undefined;
}

export interface JoinOptions {
  /** The workspace's folder, with `secrets/ssh` in it. */
  root: string;
  /** The platform's name: by it a Swarm is known to be ours. */
  platform: string;
  /** Whether the platform's control network is encrypted, which the kernel of every node must then be able to do. */
  encrypted: boolean;
  signal: AbortSignal;
  /** One line of progress about a node. */
  report(node: string, line: string): void;
  /** Does what changes the Swarm, of which it gets a manager, while nobody else changes the platform. */
  alone: Alone;
}

export type Alone = <T>(docker: Dockerode, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
