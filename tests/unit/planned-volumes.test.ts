import type Dockerode from "dockerode";
import { expect, test } from "vitest";
import type { Change } from "../../modules/engine/index.ts";
import type { Pool } from "../../modules/pool/index.ts";
import { plannedVolumes } from "../../stacks/volumes.ts";

const pool = { driver: "ssh", nodes: [{ name: "n1" }, { name: "n2" }] } as Pool;

function service(site: string, volumes: string[], more: Partial<Change> = {}, home?: string): Change {
  const mount = (Source: string) => ({ Type: "volume", Source, Target: `/${Source}` });
  const nfs = {
    Type: "volume",
    Source: "far",
    Target: "/far",
    VolumeOptions: { DriverConfig: { Options: { type: "nfs" } } },
  };
  const spec = {
    TaskTemplate: {
      ContainerSpec: { Mounts: [...volumes.map(mount), nfs, { Type: "tmpfs", Target: "/tmp" }] },
      Placement: { Constraints: home === undefined ? [] : [`node.labels.terrace.node==${home}`] },
    },
  };
  const base = { platform: "p", stack: `site-${site}`, kind: "service", name: `p-site-${site}_web`, urn: "" } as const;
  const desired = { ...base, spec, hash: "", dependsOn: [], once: false };
  return {
    ...base,
    action: "create",
    reason: "config",
    properties: [],
    drifted: false,
    restarts: false,
    desired,
    ...more,
  };
}

function look(changes: Change[], unseen: string[] = []) {
  const warnings: string[] = [];
  const places = async () => ({ nodes: new Map([["kept", ["n2"]]]), unseen });
  const request = {
    docker: {} as Dockerode,
    platform: "p",
    pool,
    changes,
    places,
    warn: (text: string) => warnings.push(text),
  };
  return plannedVolumes(request).then((volumes) => ({ volumes, warnings }));
}

test("a volume that is there is kept, another one is made; one on NFS is on no node's disk", async () => {
  const { volumes, warnings } = await look([service("a", ["kept", "new"])]);
  expect(volumes).toEqual([
    { stack: "site-a", name: "kept", kept: true },
    { stack: "site-a", name: "new", kept: false },
  ]);
  expect(warnings).toEqual([]);
});

test("a service that was removed by hand, its volume with it, comes up empty, and that is told", async () => {
  const { warnings } = await look([service("a", ["kept", "new"], { reason: "drift" })]);
  expect(warnings).toEqual([
    "a: its service was removed by hand, and its volume new is gone, too: it comes up empty. Its last backup is put back by: terrace restore a",
  ]);
});

test("a service that has its volumes gets none, but one that it had not", async () => {
  const live = service("a", ["old"]).desired;
  const change = service("a", ["old", "new"], { action: "update", live: live as never });
  expect((await look([change])).volumes).toEqual([{ stack: "site-a", name: "new", kept: false }]);
  expect((await look([service("a", ["old"], { action: "update", live: live as never })])).volumes).toEqual([]);
});

test("a volume on another server than the one that its service is bound to is not the one that it gets", async () => {
  const bound = (home: string) => [service("a", ["kept"], { reason: "drift" }, home)];
  expect((await look(bound("n2"))).volumes).toEqual([{ stack: "site-a", name: "kept", kept: true }]);
  const elsewhere = await look(bound("n1"));
  expect(elsewhere.volumes).toEqual([{ stack: "site-a", name: "kept", kept: false }]);
  expect(elsewhere.warnings).toHaveLength(1);
  expect((await look(bound("n1"), ["n1"])).volumes).toEqual([]);
  expect((await look(bound("n1"), ["n2"])).volumes).toEqual([{ stack: "site-a", name: "kept", kept: false }]);
});

test("of what may be on a server that was not asked nothing is said", async () => {
  const { volumes } = await look([service("a", ["kept", "new"], { reason: "drift" })], ["n1"]);
  expect(volumes).toEqual([{ stack: "site-a", name: "kept", kept: true }]);
});
