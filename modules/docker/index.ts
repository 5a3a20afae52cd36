/** The Docker Engine API, as Terrace uses it. */

export { call, get, isBroken, type Query } from "./call.ts";
export { changeObject, findSecret } from "./change.ts";
export { removeOldImages } from "./cleanup.ts";
export { agree, connect } from "./client.ts";
export { converge, FAULT_CAUSES, type Fault, judge, type RawTask } from "./converge.ts";
export { type LiveDatabase, listDatabases } from "./database.ts";
export { type Doomed, destroyObject, isLast, listDisk, listPlatform } from "./destroy.ts";
export { type Build, buildImage, CONTENT, pullImage } from "./images.ts";
export { type JobEnd, type JobMount, type JobSpec, removeJob, runJob } from "./job.ts";
export { serviceLog } from "./logs.ts";
export { askOf, isLocal, type RawAsk, type RawMount, readNodes, readPool } from "./pool.ts";
export { isLeaderless, noQuorum } from "./quorum.ts";
export { requireFreeRanges } from "./ranges.ts";
export {
  type ClusterObjects,
  isOver,
  type RawContent,
  type RawNetwork,
  type RawService,
  type RawSpec,
  readCluster,
} from "./read.ts";
export { rollBack } from "./rollback.ts";
export { readRoot } from "./root.ts";
export { readServicesUsed } from "./used.ts";
export { ServiceWatch } from "./watch.ts";
