import type { SshAccess } from "../pool/types.ts";

/** A server as `ssh` reaches it. */
export interface Target {
  /** For messages: the node's name. */
  name: string;
  address: string;
  ssh: SshAccess;
}
