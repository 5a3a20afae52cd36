import type Dockerode from "dockerode";
import { expect, test } from "vitest";
import type { Live } from "../../modules/engine/index.ts";
import type { PoolNode } from "../../modules/pool/index.ts";
import type { ServiceDraft } from "../../modules/site/service.ts";
import { siteHome } from "../../stacks/site/home.ts";

const ssh = { user: "root", port: 22, key: undefined };
const node = (name: string, availability: PoolNode["availability"] = "active"): PoolNode => {
  return {
    name,
    address: `10.0.0.${name.slice(1)}`,
    roles: ["manager"],
    labels: {},
    availability,
    ssh,
    machine: undefined,
  };
};
const pool = { driver: "ssh" as const, nodes: [node("n1"), node("n2", "drain"), node("n3")], libvirt: undefined };
const volumes = [{ name: "data", path: "/data", size: 1 }];
const draft = { source: { kind: "image", image: "x" }, volumes } as unknown as ServiceDraft;

function bound(home: string): Live[] {
  const ContainerSpec = { Mounts: [{ Type: "volume" }] };
  const Placement = { Constraints: [`node.labels.terrace.node==${home}`] };
  return [{ kind: "service", spec: { TaskTemplate: { ContainerSpec, Placement } } } as unknown as Live];
}

/** An engine whose Swarm has these nodes. */
function engine(nodes: { name: string; state?: string; availability?: string }[]): Dockerode {
  const answer = nodes.map(({ name, state = "ready", availability = "active" }) => ({
    ID: `id-${name}`,
    Spec: { Labels: { "terrace.node": name }, Availability: availability },
    Status: { State: state },
  }));
  return { modem: { dial: (_: object, done: (error: null, answer: object) => void) => done(null, answer) } } as never;
}

const all = engine([{ name: "n1" }, { name: "n2", availability: "drain" }, { name: "n3" }]);
const ask = (live: Live[], over: object = {}) =>
  siteHome({
    docker: all,
    platform: "honghe",
    pool,
    site: "mailbox",
    draft,
    live,
    places: async () => ({ nodes: new Map(), unseen: [] }),
    warn: () => {},
    ...over,
  });

test("data stays where the live service is bound to, also on a node that is drained now", async () => {
  expect(await ask(bound("n3"))).toBe("n3");
  expect(await ask(bound("n2"))).toBe("n2");
});

test("a new site with data gets an active node, the same each time", async () => {
  const home = await ask([]);
  expect(["n1", "n3"]).toContain(home);
  expect(await ask([])).toBe(home);
});

test("a new site with data does not wait for a node that is away or emptied just now", async () => {
  for (const away of [{ state: "down" }, { availability: "drain" }, { availability: "pause" }]) {
    expect(await ask([], { docker: engine([{ name: "n1", ...away }, { name: "n3" }]) })).toBe("n3");
    expect(await ask([], { docker: engine([{ name: "n1" }, { name: "n3", ...away }]) })).toBe("n1");
  }
});

test("a site that comes back goes where its volumes are", async () => {
  const DATA = "honghe-site-mailbox_data";
  const back = async (nodes: string[], unseen: string[] = [], docker = all) => {
    const told: string[] = [];
    const places = async () => ({ nodes: new Map([[DATA, nodes]]), unseen });
    return [await ask([], { docker, places, warn: (line: string) => told.push(line) }), ...told];
  };
  expect(await back(["n1"])).toEqual(["n1"]);
  expect(await back(["n3"])).toEqual(["n3"]);
  expect(await back(["n3", "n1"])).toEqual(["n3"]);
  // Emptied for a while only: better wait for it than come up empty.
  expect(await back(["n1"], [], engine([{ name: "n1", availability: "drain" }, { name: "n3" }]))).toEqual(["n1"]);
  // Drained by the file: the site moves.
  const home = await ask([]);
  expect(await back(["n2"])).toEqual([
    home,
    `mailbox comes up on ${home} with empty volumes: those from before are on n2`,
  ]);
  expect(await back([], ["n3"])).toEqual([
    home,
    `mailbox comes up on ${home}; n3 could not be asked for volumes of it from before`,
  ]);
});

test("a site without data, and one machine, bind nothing", async () => {
  expect(await ask([], { draft: { ...draft, volumes: [] } })).toBeUndefined();
  expect(await ask([], { pool: { ...pool, driver: "local" } })).toBeUndefined();
  const nfs = { server: "10.0.0.20", path: "/exports", options: [] };
  expect(await ask([], { draft: { ...draft, volumes: [{ ...volumes[0], nfs }] } })).toBeUndefined();
});

test("a site whose node left the pool is refused", async () => {
  await expect(ask(bound("n9"))).rejects.toMatchObject({
    code: "TERRACE_SITE_HOME",
    message: "mailbox: its data is on n9, which is not in the pool any more",
  });
});
