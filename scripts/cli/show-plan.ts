import type { Action, Change, PropertyChange } from "../../modules/engine/index.ts";
import { siteStack } from "../../modules/names/index.ts";
import { allChanges, isEmpty, type Plan } from "../../stacks/model.ts";
import type { VolumePlan } from "../../stacks/volumes.ts";
import { paint, print } from "./output.ts";

/** What stands before each thing that a plan does. */
export const SIGN: Record<Action, string> = { create: "+", update: "~", delete: "-" };
const COLOUR = { create: paint.green, update: paint.yellow, delete: paint.red };

/** A plan as people read it: stack by stack, object by object, property by property. */
export function showPlan(plan: Plan): void {
  const groups = new Map<string, Change[]>();
  for (const change of allChanges(plan)) groups.set(change.stack, [...(groups.get(change.stack) ?? []), change]);
  for (const [stack, changes] of groups) {
    print(paint.bold(stack));
    for (const change of changes) showChange(change);
    for (const volume of plan.volumes.filter((each) => each.stack === stack)) print(`  ${volumeLine(volume)}`);
  }
  if (plan.routes.length > 0) print(paint.bold("routes"));
  for (const { site, action, changes } of plan.routes) {
    print(`  ${COLOUR[action](SIGN[action])} ${siteStack(site)}`);
    for (const change of action === "delete" ? [] : changes) showProperty(change);
  }
  for (const warning of plan.warnings) print(`${paint.yellow("warning")} ${warning}`);
}

/** One object, and its properties that change. */
export function showChange(change: Change): void {
  const { action, kind, name } = change;
  const why = remark(change);
  print(`  ${COLOUR[action](SIGN[action])} ${action} ${kind} ${name}${why === "" ? "" : paint.dim(` (${why})`)}`);
  for (const property of shownProperties(change)) showProperty(property);
}

/** A volume that comes with a service: Docker makes it, or finds it. */
export function volumeLine({ name, kept }: VolumePlan): string {
  return kept
    ? `  keep volume ${name} (there from before, with its data)`
    : `${SIGN.create} create volume ${name} (empty)`;
}

/** Why an object changes where it is not for its file alone, and what that does to its tasks; often empty. */
export function remark({ action, reason, drifted, restarts, desired }: Change): string {
  const hand = reason === "drift" ? `${action === "create" ? "removed" : "changed"} by hand, will be put back` : "";
  const also = drifted && reason !== "drift" ? "was changed by hand too" : "";
  return [hand, also, restarts ? restartRemark(desired) : ""].filter(Boolean).join("; ");
}

/** The properties of a change that people are shown. */
export function shownProperties({ action, properties }: Change): PropertyChange[] {
  return action === "create" ? properties.filter(({ path }) => CREATED.test(path)) : properties;
}

/** Tasks that hold a host port can't stand beside their successors. */
function restartRemark(desired: Change["desired"]): string {
  const { Order } = (desired?.spec.UpdateConfig ?? {}) as { Order?: string };
  return Order === "start-first"
    ? "replaces tasks, new before old"
    : "restarts, old before new: no answer for a few seconds";
}

/** Of a new object, what a person decides about; `--json` has the rest. */
const CREATED =
  /^(Image|Env\.|Mode\.|Mounts\.[^.]+\.Source|Resources\.Limits|Secrets\.|IPAM|EndpointSpec\.Ports\.[^.]+\.PublishedPort)/;

function showProperty(property: PropertyChange): void {
  print(`      ${propertyLine(property, paint.dim)}`);
}

/** `path: before → after`; `dim` is for what is no value. */
export function propertyLine({ path, before, after }: PropertyChange, dim = (text: string) => text): string {
  if (before === undefined) return `${path}: ${value(after)}`;
  return `${path}: ${value(before)} ${dim("→")} ${after === undefined ? dim("(gone)") : value(after)}`;
}

function value(it: unknown): string {
  return typeof it === "string" ? it : JSON.stringify(it);
}

/** What a plan will do, or that nothing is to be done, in one line. */
export function summary(plan: Plan): string {
  const faulty = faultsOf(plan).length > 0;
  if (!isEmpty(plan)) {
    return `Plan: ${counts(plan, "to create", "to update", "to delete")}${faulty ? `; ${unplanned(plan)}` : ""}.`;
  }
  return faulty
    ? `No changes where a plan could be made; ${unplanned(plan)}.`
    : "No changes: the cluster is as the files say.";
}

/** The sites that cannot be planned, as machines read them. */
export function faultsOf(plan: Plan): { site: string; code: string; message: string }[] {
  return plan.sites.flatMap(({ site, fault }) =>
    fault === undefined ? [] : [{ site: site.name, code: fault.code, message: fault.message }],
  );
}

/** `2 sites cannot be planned` */
export function unplanned(plan: Plan): string {
  const number = faultsOf(plan).length;
  return `${number} site${number === 1 ? "" : "s"} cannot be planned`;
}

/** `3 created, 1 updated, 0 deleted; routes of 2 sites changed` with the given words. */
export function counts(plan: Plan, create: string, update: string, remove: string): string {
  const changes = allChanges(plan);
  const count = (action: Action) => changes.filter((change) => change.action === action).length;
  const routes =
    plan.routes.length === 0 ? "" : `; the routes of ${plan.routes.length} site${plan.routes.length === 1 ? "" : "s"}`;
  return `${count("create")} ${create}, ${count("update")} ${update}, ${count("delete")} ${remove}${routes}`;
}

/** A plan as machines read it. */
export function planJson(plan: Plan): object {
  const changes = allChanges(plan).map(changeJson);
  return {
    platform: plan.platform.name,
    changes,
    volumes: plan.volumes,
    routes: plan.routes,
    faults: faultsOf(plan),
    warnings: plan.warnings,
  };
}

/** A change as machines read it. */
export function changeJson({ stack, action, kind, name, reason, drifted, restarts, properties }: Change): object {
  return { stack, action, kind, name, reason, drifted, restarts, properties };
}
