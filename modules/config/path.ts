import type { Path } from "./types.ts";

/** `redirects.2.from` */
export function dotted(path: Path): string {
  return path.join(".");
}

export function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}

export function hasPath(value: unknown, path: Path): boolean {
  const last = path.at(-1);
  if (last === undefined) return true;
  const parent = valueAt(value, path.slice(0, -1));
  return typeof parent === "object" && parent !== null && Object.hasOwn(parent, last);
}
