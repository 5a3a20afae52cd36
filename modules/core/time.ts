/** A moment in ISO 8601 as people read it, to the minute and in its own zone, e.g. `2026-11-28 08:07`. */
export function formatMinute(iso: string): string {
  return iso.slice(0, 16).replace("T", " ");
}
