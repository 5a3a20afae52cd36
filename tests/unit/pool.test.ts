import { expect, test } from "vitest";
import type { NodeState } from "../../modules/capacity/index.ts";
import { parseUsed } from "../../modules/nodes/index.ts";
import { edges, isMultiNode, managers, type PoolNode, spreadLabels, withAddresses } from "../../modules/pool/index.ts";
import { nodeChanges } from "../../stacks/pool/difference.ts";
import { isCrowded } from "../../stacks/pool/spread.ts";

function node(name: string, more: Partial<PoolNode> = {}): PoolNode {
  const ssh = { user: "root", port: 22, key: undefined };
  const base = { name, address: undefined, roles: ["worker" as const], labels: {}, ssh, machine: undefined };
  return { ...base, availability: "active", ...more };
}

function live(name: string, more: Partial<NodeState> = {}): NodeState {
  const base = { id: `id-${name}`, name, hostname: name, role: "worker" as const, leader: false, edge: false };
  const labels = { "terrace.node": name, ...more.labels };
  return { ...base, availability: "active", state: "ready", memory: 2 ** 30, cpus: 2, ...more, labels };
}

test("managers, edges and zones are read from the roles and labels", () => {
  const nodes = [
    node("n1", { roles: ["manager", "edge"], labels: { zone: "a" } }),
    node("n2", { labels: { zone: "b" } }),
  ];
  expect([managers({ nodes }), edges({ nodes })].map((list) => list.map(({ name }) => name))).toEqual([["n1"], ["n1"]]);
  expect(isMultiNode({ nodes })).toBe(true);
  expect(spreadLabels({ nodes })).toEqual(["zone"]);
  expect(spreadLabels({ nodes: nodes.slice(0, 1) })).toEqual([]);
});

test("addresses that were found out fill those that the file leaves out", () => {
  const pool = {
    driver: "libvirt" as const,
    nodes: [node("n1", { address: "10.0.0.1" }), node("n2")],
    libvirt: undefined,
  };
  const filled = withAddresses(pool, { n1: "10.9.9.9", n2: "10.0.0.2" });
  expect(filled.nodes.map(({ address }) => address)).toEqual(["10.0.0.1", "10.0.0.2"]);
});

test("what pool up would do is told node by node", () => {
  const wanted = [
    node("n1", { roles: ["manager", "edge"] }),
    node("n2", { availability: "drain", labels: { zone: "b" } }),
    node("n3"),
    node("n4", { roles: ["manager"] }),
  ];
  const now = [
    live("n1", { role: "manager", edge: true }),
    live("n2", { role: "manager", labels: { "terrace.node": "n2", zone: "a" } }),
    live("n3"),
    live("n9"),
    live("foreign", { labels: { "terrace.node": undefined as unknown as string } }),
  ];
  expect(
    nodeChanges(wanted, now).map(({ node: name, action, what }) => `${action} ${name}: ${what.join(", ")}`),
  ).toEqual([
    "change n2: becomes a worker, availability active → drain, label zone a → b",
    "join n4: as manager",
    "remove n9: drained first",
  ]);
});

test("containers stand together where they could stand apart", () => {
  const nodes = [live("n1"), live("n2")];
  const asks = { replicas: 2, memory: 0, cpus: 0, cpuLimit: 0, constraints: [] as string[], perNode: 0 };
  const on = (...names: string[]) => names.map((name) => ({ node: `id-${name}`, running: true }));
  const service = { id: "s", name: "s", platform: "p", site: "s", asks, data: false, tasks: on("n1", "n1") };
  const pool = { nodes, services: [] };
  expect(isCrowded(service, pool)).toBe(true);
  expect(isCrowded({ ...service, tasks: on("n1", "n2") }, pool)).toBe(false);
  expect(isCrowded(service, { ...pool, nodes: [live("n1"), live("n2", { availability: "drain" })] })).toBe(false);
  expect(isCrowded({ ...service, asks: { ...asks, constraints: ["node.hostname == n1"] } }, pool)).toBe(false);
  expect(isCrowded({ ...service, data: true }, pool)).toBe(false);
});

test("what a server uses is read from its own numbers", () => {
  const text = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n0.50 0.40 0.30 1/99 1234\n";
  expect(parseUsed(text)).toEqual({ memory: 600 * 1024, load: 0.5 });
  expect(parseUsed("")).toBeUndefined();
});
