import type { Action, Change, PropertyChange } from "../../modules/engine/index.ts";
import { siteStack } from "../../modules/names/index.ts";
import { allChanges, isEmpty, type Plan } from "../../stacks/model.ts";
import { paint, print } from "./output.ts";

const MARK: Record<Action, string> = { create: paint.green("+"), update: paint.yellow("~"), delete: paint.red("-") };

/** A plan as people read it: stack by stack, object by object, property by property. */
export function showPlan(plan: Plan): void {
  const groups = new Map<string, Change[]>();
  for (const change of allChanges(plan)) groups.set(change.stack, [...(groups.get(change.stack) ?? []), change]);
  for (const [stack, changes] of groups) {
    print(paint.bold(stack));
    for (const change of changes) showChange(change);
  }
  if (plan.routes.length > 0) print(paint.bold("routes"));
  for (const { site, action, changes } of plan.routes) {
    print(`  ${MARK[action]} ${siteStack(site)}`);
    for (const change of action === "delete" ? [] : changes) showProperty(change);
  }
  for (const warning of plan.warnings) print(`${paint.yellow("warning")} ${warning}`);
}

/** One object, and its properties that change. */
export function showChange({ action, kind, name, reason, restarts, properties, desired }: Change): void {
  const remarks = [
    reason === "drift" ? `${action === "create" ? "removed" : "changed"} by hand, will be put back` : "",
    restarts ? restartRemark(desired) : "",
  ];
  const remark = remarks.filter(Boolean).join("; ");
  print(`  ${MARK[action]} ${action} ${kind} ${name}${remark === "" ? "" : paint.dim(` (${remark})`)}`);
  const shown = action === "create" ? properties.filter(({ path }) => CREATED.test(path)) : properties;
  for (const property of shown) showProperty(property);
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

function showProperty({ path, before, after }: PropertyChange): void {
  if (before === undefined) print(`      ${path}: ${value(after)}`);
  else
    print(
      `      ${path}: ${value(before)} ${paint.dim("→")} ${after === undefined ? paint.dim("(gone)") : value(after)}`,
    );
}

function value(it: unknown): string {
  return typeof it === "string" ? it : JSON.stringify(it);
}

/** What a plan will do, or that nothing is to be done, in one line. */
export function summary(plan: Plan): string {
  if (isEmpty(plan)) return "No changes: the cluster is as the files say.";
  return `Plan: ${counts(plan, "to create", "to update", "to delete")}.`;
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
  const faults = plan.sites.flatMap(({ site, fault }) =>
    fault === undefined ? [] : [{ site: site.name, code: fault.code, message: fault.message }],
  );
  return { platform: plan.platform.name, changes, routes: plan.routes, faults, warnings: plan.warnings };
}

/** A change as machines read it. */
export function changeJson({ stack, action, kind, name, reason, restarts, properties }: Change): object {
  return { stack, action, kind, name, reason, restarts, properties };
}
