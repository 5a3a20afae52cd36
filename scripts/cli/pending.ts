import { isEmpty } from "../../stacks/model.ts";
import { connectTo } from "./engine.ts";
import { note, print } from "./output.ts";
import { planWorkspace } from "./prepare.ts";
import { faultsOf, showPlan, summary } from "./show-plan.ts";
import type { OpenWorkspace } from "./workspace.ts";

/** As `only` of a plan: no site has this name, so the platform's own stacks are planned, and no site. */
export const NO_SITE = ["-"];

/**
 * Shows what is to be done on the cluster before a command adds what it is for: a command that deploys on its way carries this out,
 * too. Nothing is shown where there is nothing of it.
 *
 * @param json standard output is for the result alone
 */
export async function showPending(workspace: OpenWorkspace, only: string[], json = false): Promise<void> {
  const { plan } = await planWorkspace(await connectTo(workspace), workspace, { only });
  for (const { site, message } of faultsOf(plan))
    note(`What else is to be done for ${site} cannot be told: ${message}`);
  if (isEmpty(plan)) return;
  note("The cluster is not as the files say even before that; this is carried out, too:");
  if (json) return note(summary(plan));
  showPlan(plan);
  print(summary(plan));
}
