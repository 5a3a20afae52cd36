const FACTOR = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const DURATION_PATTERN = /^([0-9]+)(ms|s|m|h|d)$/;

/** Milliseconds, from text like `30s` or `5m`; `undefined` where the text is no duration. A bare number is none. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * FACTOR[match[2] as keyof typeof FACTOR];
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The largest unit that is exact: 30000 is `30s`, 90000 is `90s`. */
export function formatDuration(ms: number): string {
  const fit = Object.entries(FACTOR)
    .reverse()
    .find(([, factor]) => ms >= factor && ms % factor === 0);
  return fit === undefined ? `${ms}ms` : `${ms / fit[1]}${fit[0]}`;
}
