/** The servers of a pool: joined over SSH to one Swarm, and reached from here. */

export { connectPool } from "./connect.ts";
export { type Disks, lookAtDisks } from "./disks.ts";
export { type NodeEngine, openEngine } from "./engine.ts";
export { PoolImages } from "./images.ts";
export { joinPool } from "./join.ts";
export { boundSites, drainNode, nameOf, removeNode } from "./leave.ts";
export { planRecovery, type Recovered, type Recovery } from "./recover.ts";
export { chooseSurvivor, type Seen } from "./survivors.ts";
export { hostPort, listNodes, type RawNode } from "./swarm.ts";
export { DEEDS, type Deed, type JoinOptions, type NodeOutcome } from "./types.ts";
export { type NodeUsed, parseUsed, readUsed, type Used } from "./used.ts";
export { findVolumes, type VolumePlaces } from "./volumes.ts";
