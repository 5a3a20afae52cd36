import { measureDeploys } from "./deploy.ts";
import { measureEdge } from "./edge.ts";
import { measureMemory } from "./memory.ts";
import { measureAdd, measureChange } from "./one-site.ts";
import type { Options } from "./options.ts";
import type { Result } from "./report.ts";
import { Rig } from "./rig.ts";
import { measureSteady } from "./steady.ts";

const NEEDS_ENGINE = ["deploy", "no-change", "add", "change", "steady", "memory", "edge"] as const;

/** Whether any of what was asked for needs a real engine. */
export function needsEngine({ only }: Options): boolean {
  return NEEDS_ENGINE.some((name) => only.has(name));
}

/**
 * Everything that is measured on the real engine with so many sites. What it makes is gone in the end, also after a failure.
 *
 * @param took gets results as they come
 * @param onRig is told how to clean up, for whoever has to stop it
 */
export async function measureReal(
  count: number,
  { only, rounds, load }: Options,
  took: (results: Result[]) => void,
  onRig: (destroy: (() => Promise<void>) | undefined) => void,
): Promise<void> {
  const rig = await Rig.create(count);
  onRig(() => rig.destroy());
  try {
    took(await measureDeploys(rig, only, rounds));
    if (only.has("memory")) took(await measureMemory(rig));
    if (only.has("add")) took(await measureAdd(rig, rounds));
    if (only.has("change")) took(await measureChange(rig, rounds));
    if (only.has("steady") && count > 11) took(await measureSteady(rig));
    if (only.has("edge")) took(await measureEdge(rig, rounds, load));
  } finally {
    await rig.destroy();
    onRig(undefined);
  }
}

/** Whether one more site costs the same among many as among few: the ratio of the two times. */
export function compareSizes(results: Result[], sites: number[]): Result[] {
  const of = (count: number) => results.find(({ what }) => what.startsWith(`one new site beside ${count}:`))?.value;
  const [few = 0, many = 0] = [Math.min(...sites), Math.max(...sites)];
  const [small, large] = [of(few), of(many)];
  if (few === many || small === undefined || large === undefined) return [];
  const budget = { limit: 1.2, text: "<= 1.2 x" };
  return [{ what: `one new site beside ${many}, against beside ${few}`, value: large / small, unit: "ratio", budget }];
}
