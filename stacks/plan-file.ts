import { TerraceError } from "../modules/core/errors.ts";
import { canonicalJson, shortHash } from "../modules/core/hash.ts";
import { allChanges, type Plan } from "./model.ts";

/** A plan that was reviewed: what it does, and the state that it was made from. Holds no secret and no content. */
export interface PlanFile {
  format: "terrace-plan-1";
  platform: string;
  /** ISO 8601. */
  made: string;
  /** How it was asked for; the same is asked again when it is applied. */
  request: { only: string[]; env: string | undefined; date: string };
  /** Hash of every live object, by `kind name`: what the plan was made from. */
  live: Record<string, string>;
  /** What it does, one line for each change, with the hash of what will be. */
  actions: string[];
}

export function toPlanFile(plan: Plan, request: PlanFile["request"], made: Date): PlanFile {
  return {
    format: "terrace-plan-1",
    platform: plan.platform.name,
    made: made.toISOString(),
    request,
    live: liveHashes(plan),
    actions: actionsOf(plan),
  };
}

/** Reads a plan file. */
export function parsePlanFile(text: string, path: string): PlanFile {
  const wrong = (why: string) =>
    new TerraceError("TERRACE_PLAN_FILE", `${path} is not a plan`, {
      why,
      next: `make one: terrace plan -o ${path}`,
      exitCode: 2,
    });
  try {
    const file = JSON.parse(text) as PlanFile;
    if (file?.format !== "terrace-plan-1") throw wrong("it was not written by this version of `terrace plan -o`");
    return file;
  } catch (error) {
    throw error instanceof TerraceError ? error : wrong("it is no JSON");
  }
}

/**
 * Refuses where a plan would not do exactly what was reviewed: where the cluster moved, an image was built or removed meanwhile, or the
 * files say something else now.
 *
 * @throws TerraceError `TERRACE_PLAN_STALE`, saying what moved
 */
export function requireSame(reviewed: PlanFile, now: Plan): void {
  const moved = difference(reviewed.live, liveHashes(now));
  if (moved.length > 0) throw stale("the cluster is not what the plan was made from", moved);
  const before = new Set(reviewed.actions);
  const after = new Set(actionsOf(now));
  const dropped = [...before].filter((line) => !after.has(line));
  const other = [...dropped, ...[...after].filter((line) => !before.has(line))];
  if (other.length === 0) return;
  const names = [...new Set(other.map(withoutHash))];
  if (
    names.some((line) => VOLUME.test(line)) &&
    names.every((line) => VOLUME.test(line) || line.startsWith(MAKES_IMAGE))
  )
    throw stale("volumes were made or removed since the plan was made, or a server did not answer", names);
  if (!names.every((line) => line.startsWith(MAKES_IMAGE)))
    throw stale("the files say something else than when the plan was made", names);
  // Other content has another name, which the service would have too: the files are as they were.
  const made = new Set(dropped.map(withoutHash));
  const images = names.map((line) => {
    return `${line.slice("create ".length)}: ${made.has(line) ? "is there by now" : "is gone, and would be made again"}`;
  });
  throw stale("images were made or removed since the plan was made", images);
}

const MAKES_IMAGE = "create image ";
const VOLUME = /^(create|keep) volume /;

function stale(what: string, moved: string[]): TerraceError {
  const shown = moved.slice(0, 20).map((line) => `  ${line}`);
  if (moved.length > 20) shown.push(`  and ${moved.length - 20} more`);
  return new TerraceError("TERRACE_PLAN_STALE", `${what}; nothing was done`, {
    why: `what moved:\n${shown.join("\n")}`,
    next: "make a new plan and review it: terrace plan -o FILE",
  });
}

/** Images that are there tell nothing of the cluster's state; everything else does. */
function liveHashes(plan: Plan): Record<string, string> {
  const objects = plan.live.all().filter(({ kind, stack }) => kind !== "image" && stack !== "");
  return Object.fromEntries(objects.map(({ kind, name, spec }) => [`${kind} ${name}`, shortHash(canonicalJson(spec))]));
}

/** What a plan does, one line for each change, with the hash of what will be. */
export function actionsOf(plan: Plan): string[] {
  const objects = allChanges(plan).map(
    // What is made once is another one in each plan, like a certificate.
    ({ action, kind, name, desired }) => `${action} ${kind} ${name} #${desired?.once ? "" : (desired?.hash ?? "")}`,
  );
  return [
    ...objects,
    ...plan.volumes.map(({ name, kept }) => `${kept ? "keep" : "create"} volume ${name} #`),
    ...plan.routes.map(({ site, action, changes }) => `${action} routes ${site} #${shortHash(canonicalJson(changes))}`),
  ].sort();
}

function withoutHash(line: string): string {
  return line.slice(0, line.lastIndexOf(" #"));
}

function difference(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (before[name] === after[name]) return [];
    if (before[name] === undefined) return [`${name}: is new`];
    return [after[name] === undefined ? `${name}: is gone` : `${name}: changed`];
  });
}
