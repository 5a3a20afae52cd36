import type { Pool } from "../../modules/pool/index.ts";

/** What the stack of a pool is made from: plain data. */
export interface PoolStackInputs {
  /** The platform's name: names of all that is made begin with it. */
  platform: string;
  pool: Pool;
  /** Public keys (`ssh-ed25519 AAAA... comment`) by the names that nodes give under `ssh.key`. */
  publicKeys: ReadonlyMap<string, string>;
  /** Absolute path of Terraform's state. */
  stateFile: string;
}
