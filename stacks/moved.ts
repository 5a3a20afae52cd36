import type Dockerode from "dockerode";
import { canonicalJson, shortHash } from "../modules/core/hash.ts";
import { readCluster } from "../modules/docker/index.ts";
import { ALL, LiveIndex, toLive } from "../modules/engine/index.ts";
import { stackSite } from "../modules/names/index.ts";
import { allChanges, type Plan } from "./model.ts";
import { actionsOf } from "./plan-file.ts";

/**
 * Whether anything that a plan was made from is another one by now: somebody else may have worked on it before it was locked. Sites that
 * are not locked may be changed meanwhile, and their routes: those are read anew before they are written.
 */
export async function hasMoved(docker: Dockerode, plan: Plan, scopes: string[]): Promise<boolean> {
  const name = plan.platform.name;
  const now = new LiveIndex(toLive(await readCluster(docker, name), name));
  const [before, after] = [plan.live, now].map((live) => versions(live, scopes));
  return before !== after;
}

function versions(live: LiveIndex, scopes: string[]): string {
  const concerns = (stack: string) =>
    scopes.includes(ALL) || scopes.includes(stack) || (stack !== "edge" && stackSite(stack) === undefined);
  const objects = live.all().filter(({ kind, stack }) => kind !== "image" && stack !== "" && concerns(stack));
  return objects
    .map(({ kind, name, id, version }) => `${kind} ${name} ${id} ${version}`)
    .sort()
    .join("\n");
}

/** Whether all that a plan does was in another one: each thing to the same state, and from the same state. */
export function isWithin(plan: Plan, agreed: Plan): boolean {
  const known = new Set(steps(agreed));
  return steps(plan).every((line) => known.has(line));
}

/** What a plan does, with hashes of what will be and of what is there: the same service may get another value, or lose another one. */
function steps(plan: Plan): string[] {
  const replaced = allChanges(plan).flatMap(({ action, kind, name, live }) => {
    return live === undefined ? [] : [`${action} ${kind} ${name} from #${shortHash(canonicalJson(live.spec))}`];
  });
  return [...actionsOf(plan), ...replaced];
}
