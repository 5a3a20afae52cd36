import type { Secret } from "../core/secret.ts";

/** The kinds of object that the embedded engine makes. */
export type KindName = "network" | "image" | "secret" | "config" | "service";

/** A JSON object, as the Docker Engine API takes and gives it. */
export type Json = Record<string, unknown>;

/** Who an object belongs to. */
export interface Owner {
  platform: string;
  stack: string;
}

/** An object as a stack wants it. Holds no secret outside `payload`. */
export interface Desired extends Owner {
  kind: KindName;
  urn: string;
  name: string;
  /** The body of the API's create call, in normal form; references to other objects by name, not by id. */
  spec: Json;
  /** Hash of the spec. */
  hash: string;
  /** The data of a secret or config, base64: not part of the spec, because its hash is in the name. */
  payload?: Secret;
  /** URNs that must exist first. */
  dependsOn: string[];
  /** Of a service: what depends on it waits so long, in ms, until its tasks run and are healthy; nothing waits where it is absent. */
  converge?: number;
  /** Made once: an object of this name is left as it is, whatever the program says now. */
  once: boolean;
}

/** An object as it is in the cluster, read by its labels. */
export interface Live extends Owner {
  kind: KindName;
  urn: string;
  name: string;
  id: string;
  /** Swarm's version index, needed for an update; 0 where the kind has none. */
  version: number;
  /** The live specification in the same normal form as {@link Desired.spec}. */
  spec: Json;
  /** The hash that was written when Terrace last changed it. */
  hash: string;
}

/** One property that will change; `before` and `after` are ready to be shown. */
export interface PropertyChange {
  path: string;
  before?: unknown;
  after?: unknown;
}

export type Action = "create" | "update" | "delete";

/** One thing that a plan will do. */
export interface Change extends Owner {
  action: Action;
  kind: KindName;
  name: string;
  urn: string;
  /** Why: the file changed, the live object was changed or removed by hand, or nothing wants it any more. */
  reason: "config" | "drift" | "unwanted";
  /** The live object was changed or removed by hand; its file may have changed as well, then `reason` is `config`. */
  drifted: boolean;
  properties: PropertyChange[];
  /** Tasks are replaced, one after the other, new before old. */
  restarts: boolean;
  desired?: Desired;
  live?: Live;
}
