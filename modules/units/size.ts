const FACTOR = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

export const SIZE_PATTERN = /^([0-9]+(?:\.[0-9]+)?)(KiB|MiB|GiB|TiB)$/;

/** Bytes, from text like `64MiB` or `1.5GiB`; `undefined` where the text is no size. A number without a unit is none. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text);
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * FACTOR[match[2] as keyof typeof FACTOR]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact text where there is one (`64MiB`), else rounded to a tenth (`1.3GiB`). */
export function formatSize(bytes: number): string {
  const units = Object.entries(FACTOR).reverse();
  for (const [unit, factor] of units) {
    const count = bytes / factor;
    if (count >= 1 && count < 10_000 && Number.isInteger(count * 10)) return `${count}${unit}`;
  }
  const [unit, factor] = units.find(([, size]) => bytes >= size) ?? ["KiB", FACTOR.KiB];
  return `${Math.round((bytes / factor) * 10) / 10}${unit}`;
}
