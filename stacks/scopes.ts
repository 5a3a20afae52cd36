import { ALL } from "../modules/engine/index.ts";
import { siteStack } from "../modules/names/index.ts";
import { isEmpty, type Plan } from "./model.ts";

/** A plan for more sites than this takes one lock for everything: many small ones would cost more than the waiting they save. */
const MANY = 8;

/**
 * What a plan must lock: the sites that it changes, or everything where it changes what they share.
 *
 * @param only the sites that were asked for; all where it is empty
 */
export function lockScopes(plan: Plan, only: string[]): string[] {
  if (isEmpty(plan) && only.length > 0 && only.length <= MANY) return only.map(siteStack);
  const changed = plan.sites.filter(
    ({ site, changes, unsettled }) =>
      changes.length > 0 || unsettled || plan.routes.some((route) => route.site === site.name),
  );
  const shared = [...plan.base, ...plan.extras, ...plan.leftovers];
  const edge = plan.edgeChanges.some(({ kind, name }) => kind === "service" && name.endsWith("_caddy"));
  if (shared.length > 0 || edge || changed.length > MANY || changed.length === 0) return [ALL];
  return changed.map(({ site }) => siteStack(site.name));
}
