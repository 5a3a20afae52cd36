import { expect, test } from "vitest";
import { type NodeFacts, requireFit } from "../../modules/nodes/facts.ts";

const FACTS: NodeFacts = {
  debian: true,
  systemd: true,
  installed: true,
  running: true,
  containers: 0,
  daemonJson: "",
  routes: "",
  free: 4 * 2 ** 20,
  esp: true,
  unknownSettings: [],
};

test("a server with an old kernel is no edge, and does for all else", () => {
  const old = { ...FACTS, unknownSettings: ["net.ipv4.tcp_migrate_req"] };
  requireFit({ name: "n1", encrypted: true, edge: true }, FACTS);
  requireFit({ name: "n1", encrypted: true, edge: false }, old);
  expect(() => requireFit({ name: "n1", encrypted: true, edge: true }, old)).toThrow(
    expect.objectContaining({
      code: "TERRACE_NODE_KERNEL",
      message: "n1: its kernel is too old for an edge",
      why: "it does not know net.ipv4.tcp_migrate_req, without which new routes would cut visitors off",
    }),
  );
});
