import type { Path } from "../../config/types.ts";
import type { Networks } from "../../networks/index.ts";
import type { TypedNode, TypedSsh } from "../node.ts";
import type { DriverName, Pool } from "../types.ts";

/** What was typed under `pool`. */
export interface TypedPool {
  driver?: DriverName;
  ssh?: TypedSsh;
  nodes?: TypedNode[];
  libvirt?: unknown;
}

/** Something that a driver cannot do with what was typed; the path begins below `pool`. */
export interface DriverFinding {
  path: Path;
  at: "key" | "value";
  message: string;
}

/**
 * A way to come by servers: one folder here, one line in the list, and its name in `POOL_DRIVERS`. A driver that makes virtual
 * servers has a stack in `stacks/pool/NAME` too.
 */
export interface PoolDriver {
  readonly name: DriverName;
  /** Whether it makes the servers, by Terraform. */
  readonly machines: boolean;
  /** What this driver needs, and what has no effect with it. */
  faults(typed: TypedPool, pool: Pool, networks: Networks): Iterable<DriverFinding>;
}
