import { LABEL } from "../core/labels.ts";

/** The constraint that binds a service to the node where its data is. */
export function homeConstraint(node: string): string {
  return `node.labels.${LABEL.node}==${node}`;
}

const HOME = new RegExp(`^node\\.labels\\.${LABEL.node.replace(".", "\\.")} ?== ?(.+)$`);

/** The node to which a service's constraints bind it. */
export function homeOf(constraints: readonly string[] | null | undefined): string | undefined {
  return constraints?.map((constraint) => HOME.exec(constraint)?.[1]).find((node) => node !== undefined);
}
