import { hasPath } from "./path.ts";
import type { Source } from "./source.ts";
import type { Path } from "./types.ts";

/** Several files laid over one another: their merged value, and for each path the file that it comes from. */
export interface Layers {
  value: Record<string, unknown>;
  /** The topmost file that has the path, else that has most of it. */
  ownerOf(path: Path): Source;
}

/** Maps are merged deep; lists and all else are replaced. `sources` begins with the lowest. */
export function mergeLayers(sources: readonly [Source, ...Source[]]): Layers {
  return {
    value: sources.map((source) => source.value ?? {}).reduce(merge, {}),
    ownerOf(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const owner = sources.findLast((source) => hasPath(source.value, path.slice(0, length)));
        if (owner !== undefined) return owner;
      }
      return sources[0];
    },
  };
}

function merge(below: Record<string, unknown>, above: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    merged[key] = isRecord(under) && isRecord(value) ? merge(under, value) : value;
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
