import type { Rule } from "../config/types.ts";
import { backupRules } from "./index.ts";
import { KEEPS_NONE } from "./schema.ts";
import { targetText } from "./target.ts";

/** Said once a run, at the first place: a schedule that nothing acts on must not look like protection. */
export const backupNotRun: Rule = {
  name: "backup-not-run",
  *check({ platform, sites, typed }) {
    if (platform === undefined || platform.backup.repository !== undefined) return;
    const site = sites.find(({ name, backup }) => backup !== "none" && typed.get(name)?.backup !== undefined)?.name;
    if (site === undefined && !platform.backup.asked) return;
    const message = "platform.yaml names no backup.repository to keep backups in: NO BACKUP IS MADE";
    yield { site: platform.backup.asked ? undefined : site, severity: "warning", path: ["backup"], at: "key", message };
  },
};

/** A site's own counts are laid over the platform's: both together may keep nothing, and the next good backup would remove all others. */
export const backupKeepsNone: Rule = {
  name: "backup-keeps-none",
  *check({ platform, sites }) {
    if (platform === undefined) return;
    for (const { name, backup } of sites) {
      const rules = backupRules(platform.backup, backup);
      if (rules === undefined || Object.values(rules.keep).some((kept) => kept > 0)) continue;
      yield { site: name, severity: "error", path: ["backup", "keep"], at: "value", message: KEEPS_NONE };
    }
  },
};

/** A copy in the same place is none. */
export const backupCopyApart: Rule = {
  name: "backup-copy-apart",
  *check({ platform }) {
    const { repository, copy } = platform?.backup ?? {};
    if (copy === undefined) return;
    const path = ["backup", "copy"];
    if (repository === undefined) {
      yield { site: undefined, severity: "error", path, at: "key", message: "needs backup.repository beside it" };
    } else if (targetText(repository) === targetText(copy)) {
      yield {
        site: undefined,
        severity: "error",
        path,
        at: "value",
        message: "must be another place than backup.repository",
      };
    }
  },
};

/** restic has one pair of S3 keys at a time. */
export const backupCopyKeys: Rule = {
  name: "backup-copy-keys",
  *check({ platform }) {
    if (platform === undefined) return;
    const { repository, copy, credentials } = platform.backup;
    if (repository?.kind !== "s3" || copy?.kind !== "s3") return;
    const at = credentials.findIndex((name) => name.startsWith("COPY_AWS_"));
    if (at === -1) return;
    const message = "must be one key for both places, without COPY_ before its name: restic knows one S3 key at a time";
    yield { site: undefined, severity: "error", path: ["backup", "credentials", at], at: "value", message };
  },
};

/** Two platforms in one place: each would find the other's repositories, with another password, or with its own and remove what is old. */
export const backupShared: Rule = {
  name: "backup-shared",
  *check({ typedBase, typedPlatform }) {
    const [base, name] = [typedBase?.platform, typedPlatform?.platform];
    if (base === name || base === undefined) return;
    const [below, merged] = [typedBase, typedPlatform].map((typed) => (typed?.backup ?? {}) as Record<string, unknown>);
    for (const key of ["repository", "copy"]) {
      if (below?.[key] === undefined || merged?.[key] !== below[key]) continue;
      const message = `is another platform than ${base}, and would write to the same backup.${key}: name another place for it in this file`;
      yield { site: undefined, severity: "error", path: ["platform"], at: "value", message };
    }
  },
};
