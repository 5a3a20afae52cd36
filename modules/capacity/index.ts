/** What the pool has, what is reserved of it, and whether more fits. */
export { takesTasks } from "./board.ts";
export { allows } from "./constraints.ts";
export { checkFit, type Fit, hasRoomApart, missingWithout, type Refusal } from "./fit.ts";
export type { Ask, Demand, NodeState, PoolState, ServiceState } from "./types.ts";
export { memoryFor, type NodeUsage, type PoolUsage, type SiteUsage, usage } from "./usage.ts";
