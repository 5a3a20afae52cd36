import { LABEL } from "../core/labels.ts";
import type { PoolNode } from "../pool/index.ts";
import type { RawNode } from "./swarm.ts";

/** Which labels of a node are the operator's from `platform.yaml`: those that leave the file leave the node, others' stay. */
const OWN = "terrace.labels";

/** The labels that a node is to have: those that it has of others, and ours. */
export function wantedLabels(node: PoolNode, live: Record<string, string>): Record<string, string> {
  const ours = new Set([LABEL.node, LABEL.edge, OWN, ...(live[OWN] ?? "").split(",")]);
  const others = Object.entries(live).filter(([key]) => !ours.has(key));
  const names = Object.keys(node.labels).sort();
  return {
    ...Object.fromEntries(others),
    ...node.labels,
    [LABEL.node]: node.name,
    ...(node.roles.includes("edge") ? { [LABEL.edge]: "true" } : {}),
    ...(names.length > 0 ? { [OWN]: names.join(",") } : {}),
  };
}

export function wantedRole(node: PoolNode): "manager" | "worker" {
  return node.roles.includes("manager") ? "manager" : "worker";
}

/** What of a live node differs from the file; its role is another matter. */
export function differs(node: PoolNode, { Spec }: RawNode): { labels: boolean; availability: boolean } {
  const [live, wanted] = [Spec.Labels ?? {}, wantedLabels(node, Spec.Labels ?? {})];
  const sorted = (labels: Record<string, string>) => JSON.stringify(Object.entries(labels).sort());
  return { labels: sorted(live) !== sorted(wanted), availability: Spec.Availability !== node.availability };
}

/** Nodes of the Swarm that Terrace joined and that are in the file no longer. */
export function removedNodes(nodes: PoolNode[], live: RawNode[]): RawNode[] {
  const names = new Set(nodes.map(({ name }) => name));
  return live.filter(({ Spec }) => {
    const name = Spec.Labels?.[LABEL.node];
    return name !== undefined && !names.has(name);
  });
}
