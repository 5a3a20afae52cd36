/** Carries Pulumi programs out on Docker Swarm: evaluate, read, diff, carry out. */
export { EvaluationCache } from "./cache.ts";
export { carryOut, type ImageSupply, idsOf, NotConverged, type Run, remove } from "./carry-out.ts";
export { ownerLabels, toDesired } from "./desired.ts";
export { diffStack, isUnchanged, LiveIndex } from "./diff.ts";
export { evaluate, type Program, type Resource } from "./evaluate.ts";
export { loadLate } from "./late.ts";
export { changedByHand, toLive } from "./live.ts";
export {
  acquireLock,
  breakLock,
  describeHolder,
  isRenewed,
  type ListedLock,
  type Lock,
  type LockHolder,
  type LockRequest,
  listLocks,
  sweepLocks,
} from "./lock.ts";
export { ALL, BACKUP_KEY, BACKUPS, conflicts, EDGE } from "./lock-scopes.ts";
export type { Action, Change, Desired, KindName, Live, PropertyChange } from "./model.ts";
export { withLock } from "./with-lock.ts";
