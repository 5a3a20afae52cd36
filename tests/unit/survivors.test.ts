import { expect, test } from "vitest";
import { TerraceError } from "../../modules/core/errors.ts";
import { chooseSurvivor, type Seen } from "../../modules/nodes/index.ts";
import type { PoolNode } from "../../modules/pool/index.ts";

const node = (name: string, roles: PoolNode["roles"]) => ({ name, roles }) as PoolNode;
const seen = (name: string, state: Seen["state"], managers = 0, roles: PoolNode["roles"] = ["manager"]): Seen => ({
  node: node(name, roles),
  state,
  managers,
  engine: state === "leaderless" ? ({ node: node(name, roles) } as Seen["engine"]) : undefined,
  fault:
    state === "lost" ? new TerraceError("TERRACE_NODE_UNREACHABLE", `${name} cannot be reached over SSH`) : undefined,
});
const choose = (list: Seen[], on?: string) => chooseSurvivor(list, on).node.name;

test("the first manager that is left is chosen, or the one that is asked for", () => {
  const left = [seen("n1", "lost"), seen("n2", "leaderless", 5), seen("n3", "lost"), seen("n4", "leaderless", 5)];
  expect(choose([...left, seen("n5", "lost")])).toBe("n2");
  expect(choose([...left, seen("n5", "lost")], "n4")).toBe("n4");
  expect(() => choose([...left, seen("n5", "lost")], "n5")).toThrow("n5 is no manager that is left");
});

test("a server that was installed anew counts as lost, and so does one that left the file", () => {
  expect(choose([seen("n1", "none"), seen("n2", "none"), seen("n3", "leaderless", 3)])).toBe("n3");
  expect(choose([seen("n3", "leaderless", 3), seen("n7", "none", 0, ["worker"])])).toBe("n3");
});

test("a Swarm that has a leader is left alone", () => {
  const list = [seen("n1", "leader", 3), seen("n2", "leaderless", 3), seen("n3", "lost")];
  expect(() => choose(list)).toThrow("the Swarm has a leader: there is nothing to recover");
});

test("managers that are enough, or would be with Docker started, are not made two Swarms", () => {
  const cut = [seen("n1", "leaderless", 3), seen("n2", "leaderless", 3), seen("n3", "lost")];
  expect(() => choose(cut)).toThrow("2 of the Swarm's 3 managers are there, which is enough to decide");
  const stopped = [seen("n1", "leaderless", 3), seen("n2", "stopped"), seen("n3", "lost")];
  expect(() => choose(stopped)).toThrow("2 of the Swarm's 3 managers are there, which is enough to decide");
  const worker = [
    seen("n1", "leaderless", 3),
    seen("n2", "lost"),
    seen("n3", "lost"),
    seen("w", "stopped", 0, ["worker"]),
  ];
  expect(choose(worker)).toBe("n1");
});

test("where no manager is left, what each server said is told", () => {
  try {
    choose([seen("n1", "lost"), seen("w", "none", 0, ["worker"])]);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "TERRACE_POOL_NO_MANAGER", why: "n1 cannot be reached over SSH" });
  }
});
