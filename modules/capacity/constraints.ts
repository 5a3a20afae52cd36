import type { NodeState } from "./types.ts";

/** Whether a node fulfils all of Swarm's placement constraints. One that is not understood here excludes no node. */
export function allows(constraints: readonly string[], node: NodeState): boolean {
  return constraints.every((text) => fulfils(text, node));
}

function fulfils(text: string, node: NodeState): boolean {
  const [, key = "", operator, wanted = ""] = /^\s*([\w.-]+)\s*(==|!=)\s*(.*?)\s*$/.exec(text) ?? [];
  const value = attributeOf(key, node);
  if (value === undefined) return true;
  return (value.toLowerCase() === wanted.toLowerCase()) === (operator === "==");
}

/** `undefined` where the key is none that is known here. A label that a node does not have is empty, as for Swarm. */
function attributeOf(key: string, node: NodeState): string | undefined {
  if (key === "node.id") return node.id;
  if (key === "node.hostname") return node.hostname;
  if (key === "node.role") return node.role;
  if (key.startsWith("node.labels.")) return node.labels[key.slice("node.labels.".length)] ?? "";
  return undefined;
}
