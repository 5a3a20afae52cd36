import type { Action, PropertyChange } from "../../modules/engine/index.ts";
import { allChanges, isEmpty, type Plan } from "../../stacks/model.ts";
import { counts } from "./show-plan.ts";

const MARK: Record<Action, string> = { create: "+", update: "~", delete: "-" };

/** A plan as a comment for a merge request: the counts, and each stack folded. */
export function planMarkdown(plan: Plan): string {
  if (isEmpty(plan)) return `### Terrace: no changes for ${plan.platform.name}\n`;
  const stacks = new Map<string, string[]>();
  const add = (stack: string, lines: string[]) => stacks.set(stack, [...(stacks.get(stack) ?? []), ...lines]);
  for (const { stack, action, kind, name, reason, restarts, properties } of allChanges(plan)) {
    const remark = [reason === "drift" ? "changed by hand" : "", restarts ? "replaces tasks" : ""]
      .filter(Boolean)
      .join(", ");
    const lines = action === "update" ? properties.map(property) : [];
    add(stack, [`${MARK[action]} ${action} ${kind} ${name}${remark === "" ? "" : ` (${remark})`}`, ...lines]);
  }
  for (const { site, action, changes } of plan.routes) {
    add("routes", [`${MARK[action]} ${action} ${site}`, ...(action === "delete" ? [] : changes.map(property))]);
  }
  const folded = [...stacks].map(
    ([stack, lines]) =>
      `<details><summary>${stack}</summary>\n\n\`\`\`diff\n${lines.map(fence).join("\n")}\n\`\`\`\n</details>`,
  );
  return `### Terrace: ${counts(plan, "to create", "to update", "to delete")} for ${plan.platform.name}\n\n${[...folded, ...plan.warnings.map((warning) => `> Warning: ${fence(warning)}`)].join("\n\n")}\n`;
}

function property({ path, before, after }: PropertyChange): string {
  const show = (value: unknown) =>
    value === undefined ? "(none)" : typeof value === "string" ? value : JSON.stringify(value);
  return `    ${path}: ${show(before)} → ${show(after)}`;
}

/** Values come from files and from the cluster: none may close the block that it stands in. */
function fence(line: string): string {
  return line.replaceAll("```", "'''").replaceAll("\n", " ");
}
