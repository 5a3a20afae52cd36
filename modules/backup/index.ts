import type { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { canonicalJson } from "../core/hash.ts";
import { durationOf, sizeOf } from "../units/index.ts";
import { DEFAULTS, platformSchema, siteSchema } from "./schema.ts";
import { parseTarget, type Target } from "./target.ts";

export { cronFault } from "./cron.ts";
export {
  dueTimes,
  FOLLOWING,
  type FollowingAction,
  isDue,
  isFollowingDue,
  lateSince,
  offsetOf,
  SCHEDULED,
  type ScheduledAction,
  scheduleOf,
  uncopiedSince,
} from "./due.ts";
export {
  addRun,
  type BackupAction,
  type BackupHistory,
  type BackupRun,
  hasRepository,
  isAt,
  killedProof,
  killedRun,
  lastBackup,
  lastRun,
  type Proving,
  provableSince,
} from "./history.ts";
export {
  BACKUP_STACK,
  backupJob,
  compareJob,
  databaseParts,
  JOB_ACTION,
  JOB_HOST,
  type JobContext,
  jobName,
  type LiveDatabase,
  type LiveSite,
  loadJob,
  PASSWORD,
  type RestoreAsk,
  repositoryJob,
  restoreJob,
  retentionJob,
  type SecretRef,
  visitJob,
  volumeMounts,
} from "./jobs.ts";
export { type BackupEntry, type BackupList, decodeList, encodeList, LIST, mergeEntries } from "./list.ts";
export { foreignUntil, hasData, type Recovery, recoveryOf } from "./recovery.ts";
export { chooseBackup, type Snapshot, type StoredBackup, storedBackups } from "./snapshots.ts";
export { parseTarget, repositoryOf, type Target, targetText } from "./target.ts";
export { type BackupReason, jobFault, judgeBackup, littleIn, type Verdict, YOUNG } from "./verdict.ts";

/** How many backups are kept, as restic's `forget` takes it. */
export interface Keep {
  last: number;
  daily: number;
  weekly: number;
  monthly: number;
  yearly: number;
}

/** What holds for one site once its file and the platform's are laid over each other. */
export interface BackupRules {
  /** Five cron fields. */
  schedule: string;
  keep: Keep;
  /** Five cron fields; `never` where it is turned off. */
  prove: string;
  /** Percent. */
  shrink: number;
  /** Bytes. */
  smallest: number;
}

export interface PlatformBackup extends BackupRules {
  /** Whether the file says anything of backups that would not hold anyway. */
  asked: boolean;
  /** `undefined`: no backup is made. */
  repository: Target | undefined;
  copy: Target | undefined;
  /** Names of secrets. */
  credentials: string[];
  /** ms. */
  spread: number;
  timezone: string;
  /** Five cron fields. */
  check: string;
  parallel: number;
  /** Bytes. */
  memory: number;
}

/** What a site says otherwise than its platform: of `keep`, too, only what it says. */
export type SiteRules = Partial<Omit<BackupRules, "keep">> & { keep?: Partial<Keep> };

/** `none` where a site is not backed up. */
export type SiteBackup = SiteRules | "none";

type Typed = z.infer<typeof siteSchema>;
type TypedPlatform = z.infer<typeof platformSchema>;

export const siteBackup: Concern<"backup", Typed, SiteBackup> = {
  key: "backup",
  required: false,
  schema: siteSchema.meta({
    description: "What is different from the platform's backups for this site; `none` where it has none.",
    examples: [{ schedule: "30 1 * * *" }, "none"],
    absent: "as platform.yaml says",
  }),
  resolve: (typed) => (typed === "none" ? "none" : overrides(typed ?? {})),
};

export const platformBackup: Concern<"backup", TypedPlatform, PlatformBackup> = {
  key: "backup",
  required: false,
  schema: platformSchema.meta({
    description: "Backups of all sites: where, when, how many, and how they are proven.",
    examples: [{ repository: "/var/lib/terrace/backups", schedule: "15 2 * * *" }],
    absent: "no backup is made",
  }),
  resolve: (typed) => resolvePlatformBackup(typed ?? {}),
};

function resolvePlatformBackup(typed: TypedPlatform): PlatformBackup {
  const standard: Record<string, unknown> = { ...DEFAULTS, credentials: [] };
  const asked = Object.entries(typed).some(([key, value]) => canonicalJson(value) !== canonicalJson(standard[key]));
  return {
    asked,
    repository: typed.repository === undefined ? undefined : parseTarget(typed.repository),
    copy: typed.copy === undefined ? undefined : parseTarget(typed.copy),
    credentials: typed.credentials ?? [],
    schedule: typed.schedule ?? DEFAULTS.schedule,
    spread: durationOf(typed.spread ?? DEFAULTS.spread),
    timezone: typed.timezone ?? DEFAULTS.timezone,
    keep: { ...DEFAULTS.keep, ...typed.keep },
    check: typed.check ?? DEFAULTS.check,
    prove: typed.prove ?? DEFAULTS.prove,
    shrink: typed.shrink ?? DEFAULTS.shrink,
    smallest: sizeOf(typed.smallest ?? DEFAULTS.smallest),
    parallel: typed.parallel ?? DEFAULTS.parallel,
    memory: sizeOf(typed.memory ?? DEFAULTS.memory),
  };
}

function overrides({ smallest, ...typed }: Exclude<Typed, "none">): SiteRules {
  const said: SiteRules = { ...typed };
  if (smallest !== undefined) said.smallest = sizeOf(smallest);
  return said;
}

/** The rules of one site; `undefined` where it is not backed up. */
export function backupRules(platform: PlatformBackup, site: SiteBackup): BackupRules | undefined {
  if (platform.repository === undefined || site === "none") return undefined;
  const { schedule, keep, prove, shrink, smallest } = platform;
  return { schedule, prove, shrink, smallest, ...site, keep: { ...keep, ...site.keep } };
}
