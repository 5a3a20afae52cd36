export const DATE_PATTERN = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

/** True for a day that the calendar has, written `YYYY-MM-DD`. Such texts compare as their days do. */
export function isDate(text: string): boolean {
  if (!DATE_PATTERN.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** The local calendar day of an instant, `YYYY-MM-DD`. */
export function dateOf(instant: Date): string {
  const part = (value: number) => String(value).padStart(2, "0");
  return `${instant.getFullYear()}-${part(instant.getMonth() + 1)}-${part(instant.getDate())}`;
}
