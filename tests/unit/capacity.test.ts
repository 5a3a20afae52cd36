import { expect, test } from "vitest";
import {
  type Ask,
  allows,
  checkFit,
  type Demand,
  hasRoomApart,
  memoryFor,
  type NodeState,
  type PoolState,
  type ServiceState,
  usage,
} from "../../modules/capacity/index.ts";

const GIB = 2 ** 30;

function node(name: string, gib: number, more: Partial<NodeState> = {}): NodeState {
  return {
    id: `id-${name}`,
    name,
    hostname: name,
    role: "worker",
    leader: false,
    edge: false,
    availability: "active",
    state: "ready",
    labels: {},
    memory: gib * GIB,
    cpus: 4,
    ...more,
  };
}

function asks(gib: number, replicas: number | "global" = 1, more: Partial<Ask> = {}): Ask {
  return { replicas, memory: gib * GIB, cpus: 0, cpuLimit: 0.5, constraints: [], perNode: 0, ...more };
}

function service(site: string, what: Ask, on: (string | undefined)[]): ServiceState {
  const tasks = on.map((name) => ({
    node: name === undefined ? undefined : `id-${name}`,
    running: name !== undefined,
  }));
  return { id: site, name: `honghe-site-${site}_web`, platform: "honghe", site, asks: what, data: false, tasks };
}

function demand(title: string, what: Ask, more: Partial<Demand> = {}): Demand {
  return { service: `honghe-site-${title}_web`, title, asks: what, restarts: false, startFirst: true, ...more };
}

const says = ({ refused }: { refused: { title: string; what: string; why: string }[] }) =>
  refused.map(({ title, what, why }) => `${title}: ${what}; ${why}`);

test("what fits is not refused; what does not is, with what is missing", () => {
  const state: PoolState = {
    nodes: [node("n1", 4), node("n2", 6)],
    services: [service("www", asks(1, 2), ["n1", "n2"])],
  };
  expect(checkFit(state, [demand("shop", asks(5))]).refused).toEqual([]);
  expect(says(checkFit(state, [demand("shop", asks(6))]))).toEqual([
    "shop: 1 of its 1 containers fit on no node: each reserves 6GiB of memory; n2 has most left to reserve, 5GiB: 1GiB are missing",
  ]);
  expect(says(checkFit(state, [demand("shop", asks(3, 3))]))).toEqual([
    "shop: 1 of its 3 containers fit on no node: each reserves 3GiB of memory; n2 has most left to reserve, 2GiB: 1GiB are missing",
  ]);
});

test("one that does not fit takes no room from the next", () => {
  const state: PoolState = { nodes: [node("n1", 4)], services: [] };
  expect(
    checkFit(state, [demand("big", asks(2, 3)), demand("small", asks(4))]).refused.map(({ title }) => title),
  ).toEqual(["big"]);
});

test("a new container needs room beside the old one, unless the old one stops first", () => {
  const state: PoolState = { nodes: [node("n1", 4)], services: [service("www", asks(3), ["n1"])] };
  const update = demand("www", asks(3), { restarts: true });
  expect(says(checkFit(state, [update]))).toEqual([
    "www: 1 of its 1 containers fit on no node: each reserves 3GiB of memory, while the old one still runs; n1 has most left to reserve, 1GiB: 2GiB are missing",
  ]);
  expect(checkFit(state, [{ ...update, startFirst: false }]).refused).toEqual([]);
  expect(checkFit(state, [demand("www", asks(3))]).refused).toEqual([]);
});

test("nodes that are drained, paused, down or of the wrong label take nothing", () => {
  const nodes = [
    node("n1", 8, { availability: "drain" }),
    node("n2", 8, { availability: "pause" }),
    node("n3", 8, { state: "down" }),
    node("n4", 8, { labels: { zone: "b" } }),
  ];
  const zone = demand("shop", asks(1, 1, { constraints: ["node.labels.zone == a"] }));
  expect(says(checkFit({ nodes, services: [] }, [zone]))).toEqual([
    "shop: 1 of its 1 containers fit on no node: each reserves 1GiB of memory; no node that is ready and active fulfils node.labels.zone == a",
  ]);
  expect(says(checkFit({ nodes: nodes.slice(0, 3), services: [] }, [demand("shop", asks(1))]))).toEqual([
    "shop: 1 of its 1 containers fit on no node: each reserves 1GiB of memory; no node of the pool is ready and active",
  ]);
});

test("constraints are read as Swarm reads them", () => {
  const it = node("n1", 1, { role: "manager", labels: { zone: "A" } });
  const verdicts = [
    "node.role==manager",
    "node.role != manager",
    "node.labels.zone == a",
    "node.labels.rack != 7",
    "node.hostname==n2",
    "engine.labels.x==1",
  ];
  expect(verdicts.map((text) => allows([text], it))).toEqual([true, false, true, true, false, true]);
});

test("the loss of a node is warned of where its containers find no room elsewhere", () => {
  const nodes = [node("n1", 4), node("n2", 4)];
  const services = [service("www", asks(1, 2), ["n1", "n2"]), service("shop", asks(1), ["n1"])];
  expect(checkFit({ nodes, services }, []).warnings).toEqual([]);
  expect(checkFit({ nodes, services }, [demand("mail", asks(2))]).warnings).toEqual([
    "if n1 is lost, 1 container (shop) with 1GiB of memory finds no room elsewhere",
    "if n2 is lost, 1 container (www) with 1GiB of memory finds no room elsewhere",
  ]);
});

test("what is bound to a node, and what runs on every node, is not missed elsewhere", () => {
  const nodes = [node("n1", 4), node("n2", 4)];
  const bound = service("db", asks(4, 1, { constraints: ["node.id==id-n1"] }), ["n1"]);
  const edge = service("edge", asks(3, "global"), ["n2"]);
  expect(checkFit({ nodes, services: [bound, edge] }, []).warnings).toEqual([]);
});

test("a service of every node needs room on each where it is not yet", () => {
  const nodes = [node("n1", 4), node("n2", 1)];
  expect(says(checkFit({ nodes, services: [] }, [demand("edge", asks(2, "global"))]))).toEqual([
    "edge: 1 fit on no node: each reserves 2GiB of memory; n2 has most left to reserve, 1GiB: 1GiB are missing",
  ]);
});

test("a pool that has not told what it has is not judged", () => {
  expect(checkFit({ nodes: [node("n1", 0)], services: [] }, [demand("shop", asks(100))])).toEqual({
    refused: [],
    warnings: [],
  });
});

test("usage counts by node and by site, and what waits", () => {
  const state: PoolState = {
    nodes: [node("n1", 4), node("n2", 8, { availability: "drain" })],
    services: [service("www", asks(1, 2), ["n1", "n2"]), service("shop", asks(2, 2), ["n1", undefined])],
  };
  const { nodes, sites, memory, cpus } = usage(state);
  expect(
    nodes.map(({ node: { name }, tasks, reserved, free, takes }) => [name, tasks, reserved / GIB, free / GIB, takes]),
  ).toEqual([
    ["n1", 2, 3, 1, true],
    ["n2", 1, 1, 7, false],
  ]);
  expect(
    sites.map(({ title, tasks, waiting, reserved, nodes: on }) => [title, tasks, waiting, reserved / GIB, on]),
  ).toEqual([
    ["shop", 1, 1, 2, ["n1"]],
    ["www", 2, 0, 2, ["n1", "n2"]],
  ]);
  expect([memory.total / GIB, memory.reserved / GIB, cpus.total, cpus.limits]).toEqual([4, 3, 4, 1]);
});

test("a platform's sites may have what others leave on active nodes", () => {
  const foreign = { ...service("x", asks(1), ["n1"]), platform: "other" };
  const edge = { ...service("", asks(0.5), ["n1"]), name: "honghe-edge_caddy" };
  const state = {
    nodes: [node("n1", 4), node("n2", 8, { state: "down" })],
    services: [foreign, edge, service("www", asks(1), ["n1"])],
  };
  expect(memoryFor("honghe", state)).toBe(2.5 * GIB);
  expect(memoryFor("honghe", { nodes: [node("n1", 0)], services: [] })).toBeUndefined();
});

test("a service whose containers stand together can be spread where another node has room", () => {
  const www = service("www", asks(2, 2), ["n1", "n1"]);
  const state = (free: number, more: Partial<NodeState> = {}): PoolState => {
    return { nodes: [node("n1", 8), node("n2", free, more)], services: [www] };
  };
  expect(hasRoomApart(state(4), www)).toBe(true);
  expect(hasRoomApart(state(1), www)).toBe(false);
  expect(hasRoomApart(state(4, { availability: "pause" }), www)).toBe(false);
});
