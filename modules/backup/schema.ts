import { z } from "zod";
import { durationSchema, faultCheck, sizeSchema } from "../units/index.ts";
import { cronSchema, zoneFault } from "./cron.ts";
import { targetFault } from "./target.ts";

export const DEFAULTS = {
  schedule: "15 2 * * *",
  spread: "2h",
  timezone: "UTC",
  keep: { last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 0 },
  check: "45 4 * * 0",
  prove: "15 5 * * 6",
  shrink: 50,
  smallest: "1KiB",
  parallel: 2,
  memory: "512MiB",
} as const;

const KEPT = "must be a whole number from 0 to 1000";

type Where = { default: number } | { absent: string };
const AS_PLATFORM = { absent: "as platform.yaml says" };

const count = (what: string, where: Where) =>
  z
    .int({ error: KEPT })
    .min(0, { error: KEPT })
    .max(1000, { error: KEPT })
    .optional()
    .meta({ description: what, examples: [7], ...where });

function keepSchema(where: (unit: keyof typeof DEFAULTS.keep) => Where) {
  return z.strictObject({
    last: count("So many of the newest.", where("last")),
    daily: count("The last of each of so many days.", where("daily")),
    weekly: count("The last of each of so many weeks.", where("weekly")),
    monthly: count("The last of each of so many months.", where("monthly")),
    yearly: count("The last of each of so many years.", where("yearly")),
  });
}

const KEEP = {
  description: "Which backups are kept; all others are removed after each backup that is good.",
  examples: [{ daily: 7, weekly: 4, monthly: 12 }],
};

export const KEEPS_NONE = "must keep at least one backup";
const keepsAny = (counts: Record<string, number>) => Object.values(counts).some((kept) => kept > 0);

const platformKeep = keepSchema((unit) => ({ default: DEFAULTS.keep[unit] })).refine(
  (typed) => keepsAny({ ...DEFAULTS.keep, ...typed }),
  { error: KEEPS_NONE },
);

/** What a site leaves out is the platform's: only a rule knows what the two come to. */
const siteKeep = keepSchema(() => AS_PLATFORM);

/** Keys that a site's file may say otherwise, beside `keep`. */
export const shared = {
  schedule: cronSchema()
    .optional()
    .meta({
      description: "When, as five cron fields: minute, hour, day of month, month, day of week.",
      examples: ["30 1 * * *"],
    }),
  prove: z
    .union([cronSchema(), z.literal("never")], { error: "must be five cron fields in quotes or the word never" })
    .optional()
    .meta({
      description: "When the latest backup is proven by restoring it beside the site; `never` turns it off.",
      examples: ["15 5 * * 6"],
    }),
  shrink: z
    .int({ error: "must be a whole number of percent from 1 to 100" })
    .min(1, { error: "must be a whole number of percent from 1 to 100" })
    .max(100, { error: "must be a whole number of percent from 1 to 100" })
    .optional()
    .meta({
      description: "A backup that lost more than this, in percent of the last good one's bytes or files, has failed.",
      examples: [50],
    }),
  smallest: sizeSchema({ min: "0KiB", max: "1TiB" })
    .optional()
    .meta({
      description: "A backup of a site with volumes or a database that holds less than this has failed.",
      examples: ["1MiB"],
    }),
};

const target = () => faultCheck(targetFault).optional();
const PARALLEL = "must be a whole number from 1 to 16";

/** Adds what holds where the key is left out. */
function withDefault<S extends z.ZodType>(schema: S, fallback: unknown): S {
  return schema.meta({ ...schema.meta(), default: fallback }) as S;
}

export const platformSchema = z.strictObject({
  repository: target().meta({
    description:
      "Where the repositories of all sites are, one for each: a path on the node, `sftp:user@host:/path`, `s3:https://host/bucket` or `rest:https://host/path`.",
    examples: ["/var/lib/terrace/backups"],
    absent: "no backup is made",
  }),
  copy: target().meta({
    description:
      "A second place, away from the first. After each good backup all that the first one holds and this one does not is copied there.",
    examples: ["sftp:backup@vault.example.cn:/srv/terrace"],
    absent: "no copy",
  }),
  credentials: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, { error: "must be a name like SFTP_KEY" }))
    .max(20)
    .optional()
    .meta({
      description:
        "Names of secrets that the places ask for: `SFTP_KEY`, `SFTP_KNOWN_HOSTS`, `REST_USERNAME`, `REST_PASSWORD`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and `CA_CERT` where its certificate is from an authority of your own; with `COPY_` before the name where it is for the second one.",
      examples: [["SFTP_KEY", "SFTP_KNOWN_HOSTS"]],
      default: [],
    }),
  schedule: withDefault(shared.schedule, DEFAULTS.schedule),
  spread: durationSchema({ min: "0s", max: "24h" })
    .optional()
    .meta({
      description: "Sites with one schedule begin at moments of their own within this time after it.",
      examples: ["2h"],
      default: DEFAULTS.spread,
    }),
  timezone: faultCheck(zoneFault)
    .optional()
    .meta({ description: "The time zone of all schedules.", examples: ["Asia/Shanghai"], default: DEFAULTS.timezone }),
  keep: platformKeep.optional().meta({ ...KEEP, default: DEFAULTS.keep }),
  check: cronSchema()
    .optional()
    .meta({
      description: "When every byte of the repositories, and of their copies, is read and checked.",
      examples: ["45 4 * * 0"],
      default: DEFAULTS.check,
    }),
  prove: withDefault(shared.prove, DEFAULTS.prove),
  shrink: withDefault(shared.shrink, DEFAULTS.shrink),
  smallest: withDefault(shared.smallest, DEFAULTS.smallest),
  parallel: z
    .int({ error: PARALLEL })
    .min(1, { error: PARALLEL })
    .max(16, { error: PARALLEL })
    .optional()
    .meta({
      description: "So many jobs run at the same time on a node at most.",
      examples: [2],
      default: DEFAULTS.parallel,
    }),
  memory: sizeSchema({ min: "128MiB", max: "64GiB" })
    .optional()
    .meta({ description: "Memory that one job may use at most.", examples: ["512MiB"], default: DEFAULTS.memory }),
});

const absent = <S extends z.ZodType>(schema: S) => schema.meta({ ...schema.meta(), ...AS_PLATFORM }) as S;

export const siteSchema = z.union(
  [
    z.strictObject({
      schedule: absent(shared.schedule),
      keep: siteKeep.optional().meta({ ...KEEP, ...AS_PLATFORM }),
      prove: absent(shared.prove),
      shrink: absent(shared.shrink),
      smallest: absent(shared.smallest),
    }),
    z.literal("none"),
  ],
  { error: "must be a map or the word none" },
);
