import { Cron } from "croner";
import { z } from "zod";

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

/** Five cron fields. */
export function cronSchema() {
  return z.string().superRefine((text, context) => {
    const message = cronFault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

/** Why a text is no time zone of the IANA's list, or `undefined` where it is one. */
export function zoneFault(text: string): string | undefined {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return undefined;
  } catch {
    return "must be a time zone like Asia/Shanghai";
  }
}
