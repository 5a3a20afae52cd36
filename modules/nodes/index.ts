/** The servers of a pool: joined over SSH to one Swarm, and reached from here. */

export { connectPool, noQuorum } from "./connect.ts";
export { type NodeEngine, openEngine } from "./engine.ts";
export { PoolImages } from "./images.ts";
export { joinPool } from "./join.ts";
export { drainNode, nameOf, removeNode } from "./leave.ts";
export { hostPort, listNodes, type RawNode } from "./swarm.ts";
export { DEEDS, type Deed, type JoinOptions, type NodeOutcome } from "./types.ts";
export { parseUsed, readUsed, type Used } from "./used.ts";
