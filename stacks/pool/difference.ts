import type { NodeState } from "../../modules/capacity/index.ts";
import { LABEL } from "../../modules/core/labels.ts";
import type { PoolNode } from "../../modules/pool/index.ts";

/** What `terrace pool up` would do with one node. */
export interface NodeChange {
  node: string;
  action: "join" | "change" | "remove";
  /** E.g. `as manager`, `availability active → drain`. */
  what: string[];
}

/** What differs between the nodes of the file and those of the Swarm. */
export function nodeChanges(wanted: readonly PoolNode[], live: readonly NodeState[]): NodeChange[] {
  const byName = new Map(live.map((node) => [node.labels[LABEL.node] ?? node.hostname, node]));
  const changes = wanted.flatMap((node): NodeChange[] => {
    const found = byName.get(node.name);
    if (found === undefined) return [{ node: node.name, action: "join", what: [`as ${roleOf(node)}`] }];
    const what = differences(node, found);
    return what.length === 0 ? [] : [{ node: node.name, action: "change", what }];
  });
  const names = new Set(wanted.map(({ name }) => name));
  // A node that Terrace did not join is not Terrace's to remove.
  const gone = live.filter(({ labels }) => labels[LABEL.node] !== undefined && !names.has(labels[LABEL.node] ?? ""));
  return [
    ...changes,
    ...gone.map(({ name }): NodeChange => ({ node: name, action: "remove", what: ["drained first"] })),
  ];
}

function differences(node: PoolNode, live: NodeState): string[] {
  const what: string[] = [];
  const role = roleOf(node);
  if (live.role !== role) what.push(role === "manager" ? "becomes a manager" : "becomes a worker");
  if (live.edge !== node.roles.includes("edge")) what.push(live.edge ? "is an edge no more" : "becomes an edge");
  if (live.availability !== node.availability) what.push(`availability ${live.availability} → ${node.availability}`);
  for (const [key, value] of Object.entries(node.labels)) {
    if (live.labels[key] !== value) what.push(`label ${key} ${live.labels[key] ?? "(none)"} → ${value}`);
  }
  return what;
}

function roleOf({ roles }: PoolNode): "manager" | "worker" {
  return roles.includes("manager") ? "manager" : "worker";
}
