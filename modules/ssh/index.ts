/** Other machines, by the `ssh` of this one: commands, and Unix sockets brought here. */

export { Connection, type ConnectOptions, type RunOptions } from "./connection.ts";
export { classify } from "./faults.ts";
export { findKey, knownHostsFiles, type SshFiles } from "./files.ts";
export { learnHostKey } from "./scan.ts";
export type { Target } from "./types.ts";
