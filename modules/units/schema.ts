import { z } from "zod";
import { DATE_PATTERN, isDate } from "./date.ts";
import { DURATION_PATTERN, parseDuration } from "./duration.ts";
import { parseSize, SIZE_PATTERN } from "./size.ts";

/** A size such as `64MiB`, at least and at most as given (texts too, so that messages can quote them). */
export function sizeSchema(limits: { min: string; max: string }) {
  const error = "must be a size like 64MiB";
  const range = { min: parseSize(limits.min) ?? 0, max: parseSize(limits.max) ?? 0 };
  return z
    .string({ error })
    .regex(SIZE_PATTERN, { error, abort: true })
    .refine((text) => inside(parseSize(text), range), { error: `must be from ${limits.min} to ${limits.max}` });
}

/** A duration such as `30s`, at least and at most as given. */
export function durationSchema(limits: { min: string; max: string }) {
  const error = "must be a duration like 30s or 5m";
  const range = { min: parseDuration(limits.min) ?? 0, max: parseDuration(limits.max) ?? 0 };
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error, abort: true })
    .refine((text) => inside(parseDuration(text), range), { error: `must be from ${limits.min} to ${limits.max}` });
}

/** A calendar day, `YYYY-MM-DD`. */
export function dateSchema() {
  const error = "must be a date like 2027-01-05";
  return z
    .string({ error })
    .regex(DATE_PATTERN, { error, abort: true })
    .refine(isDate, { error: "must be a day that the calendar has" });
}

/** Bytes of a text that {@link sizeSchema} accepted. */
export function sizeOf(text: string): number {
  return accepted(parseSize(text), text);
}

/** Milliseconds of a text that {@link durationSchema} accepted. */
export function durationOf(text: string): number {
  return accepted(parseDuration(text), text);
}

function accepted(value: number | undefined, text: string): number {
  if (value === undefined) throw new Error(`not validated before use: ${JSON.stringify(text)}`);
  return value;
}

function inside(value: number | undefined, range: { min: number; max: number }): boolean {
  return value !== undefined && value >= range.min && value <= range.max;
}
