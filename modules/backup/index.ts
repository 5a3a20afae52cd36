import { Cron } from "croner";
import { z } from "zod";
import type { Concern } from "../core/concern.ts";

export interface Backup {
  /** Five cron fields, in the platform's local time; `undefined` where none is set here. */
  schedule: string | undefined;
}

const NOT_YET = "Checked and kept, but nothing runs backups yet.";

function backupConcern(description: string, absent: string): Concern<"backup", { schedule: string }, Backup> {
  return {
    key: "backup",
    required: false,
    schema: z
      .strictObject({
        schedule: z
          .string()
          .superRefine((text, context) => {
            const message = cronFault(text);
            if (message !== undefined) context.addIssue({ code: "custom", message });
          })
          .meta({
            description: `When, as five cron fields: minute, hour, day of month, month, day of week. ${NOT_YET}`,
            examples: ["30 1 * * *"],
          }),
      })
      .meta({ description: `${description} ${NOT_YET}`, examples: [{ schedule: "30 1 * * *" }], absent }),
    resolve: (typed) => ({ schedule: typed?.schedule }),
  };
}

export const siteBackup = backupConcern("When the site's data is backed up.", "the platform's schedule");
export const platformBackup = backupConcern(
  "When sites that say nothing else are backed up.",
  "no schedule but those of the sites",
);

const SENTENCE = 'must be five cron fields in quotes, like "30 1 * * *" for 01:30 each day';

/** Why a text is no cron schedule of five fields, as a sentence; `undefined` where it is one that comes due some day. */
export function cronFault(text: string): string | undefined {
  if (text.trim().split(/\s+/).length !== 5) return SENTENCE;
  try {
    const next = new Cron(text, { paused: true }).nextRun(new Date("2024-01-01T00:00:00Z"));
    return next === null ? "must be a schedule that comes due some day" : undefined;
  } catch {
    return SENTENCE;
  }
}
