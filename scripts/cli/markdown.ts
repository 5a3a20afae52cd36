import { allChanges, isEmpty, type Plan } from "../../stacks/model.ts";
import { counts, faultsOf, propertyLine, remark, SIGN, shownProperties, unplanned, volumeLine } from "./show-plan.ts";

/** A plan as a comment for a merge request: the counts, each stack folded, the sites that cannot be planned, and warnings. */
export function planMarkdown(plan: Plan): string {
  const faults = faultsOf(plan).map(({ site, message, code }) => {
    return `${message.startsWith(`${site}: `) ? "" : `${site}: `}${message} (${code})`;
  });
  const parts = [
    ...changesByStack(plan),
    ...(faults.length === 0 ? [] : [`Cannot be planned, and left as they are:\n\n${block("text", faults)}`]),
    ...(plan.warnings.length === 0 ? [] : [`Warnings:\n\n${block("text", plan.warnings)}`]),
  ];
  return `${[`### Terrace: ${heading(plan)} for ${plan.platform.name}`, ...parts].join("\n\n")}\n`;
}

function heading(plan: Plan): string {
  const told = [
    isEmpty(plan) ? "" : counts(plan, "to create", "to update", "to delete"),
    faultsOf(plan).length === 0 ? "" : unplanned(plan),
  ].filter(Boolean);
  if (told.length > 0) return told.join("; ");
  return plan.warnings.length === 0 ? "no changes" : "nothing to change, but warnings";
}

function changesByStack(plan: Plan): string[] {
  const stacks = new Map<string, string[]>();
  const add = (stack: string, lines: string[]) => stacks.set(stack, [...(stacks.get(stack) ?? []), ...lines]);
  for (const change of allChanges(plan)) {
    const { stack, action, kind, name } = change;
    const why = remark(change);
    const lines = shownProperties(change).map((property) => `    ${propertyLine(property)}`);
    add(stack, [`${SIGN[action]} ${action} ${kind} ${name}${why === "" ? "" : ` (${why})`}`, ...lines]);
  }
  for (const volume of plan.volumes) add(volume.stack, [volumeLine(volume)]);
  for (const { site, action, changes } of plan.routes) {
    const lines = action === "delete" ? [] : changes.map((change) => `    ${propertyLine(change)}`);
    add("routes", [`${SIGN[action]} ${action} ${site}`, ...lines]);
  }
  return [...stacks].map(
    ([stack, lines]) => `<details><summary>${stack}</summary>\n\n${block("diff", lines)}\n</details>`,
  );
}

/** Texts come from files and from the cluster: none may close the block that it stands in, nor be read as Markdown. */
function block(language: string, lines: string[]): string {
  const safe = lines.map((line) => line.replaceAll("```", "'''").replaceAll(/[\r\n]+/g, " "));
  return `\`\`\`${language}\n${safe.join("\n")}\n\`\`\``;
}
