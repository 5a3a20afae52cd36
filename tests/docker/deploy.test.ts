import { execFileSync } from "node:child_process";
import { domainToASCII } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCluster } from "../../modules/docker/index.ts";
import { toLive } from "../../modules/engine/index.ts";
import { specHash } from "../../modules/engine/normal.ts";
import { appSite, writeApp } from "../support/app.ts";
import { startOldServer } from "../support/old-server.ts";
import type { Load } from "../support/visitor.ts";
import { staticSite, Workspace } from "../support/workspace.ts";

const RETIRE = { redirect: "2026-01-05", to: "https://www.example.gov.cn/mailbox" };

describe("the life of a cluster, from nothing", () => {
  let workspace: Workspace;
  let old: Awaited<ReturnType<typeof startOldServer>>;
  const mailbox = (more: object = {}) =>
    appSite(
      "mailbox",
      { volumes: [{ name: "data", path: "/data", size: "10MiB" }] },
      { domains: ["mailbox", "post"], ...more },
    );

  beforeAll(async () => {
    workspace = await Workspace.create();
    old = await startOldServer(workspace.docker, "on the old server");
    await writeApp(workspace);
    await workspace.pages("www", "the portal", { domains: ["www", workspace.domain, "红河.政务"] });
    await workspace.pages("finance", "first edition", {
      scale: { replicas: 2 },
      redirects: [
        { from: "/old/*", to: "/new/:splat" },
        { from: "/gone", to: "/", status: 302 },
      ],
    });
    await workspace.site("mailbox", mailbox());
    await workspace.site("records", { ...staticSite("records"), serve: { proxy: old.url } });
  });

  /** Visitors of every site, while sites are added, changed, scaled, retired and removed. */
  const loads = new Map<string, Load>();
  const visitFromNow = (site: string, good = [200]) => loads.set(site, workspace.visitor.steadily(site, { good }));
  const failures = () => [...loads.values()].flatMap(({ load }) => load.failures);

  afterAll(async () => {
    for (const { stop } of loads.values()) await stop();
    old?.stop();
    await workspace?.destroy();
  });

  const othersThan = async (...sites: string[]) => {
    const tasks = await workspace.cluster.allTasks();
    for (const site of sites) delete tasks[workspace.cluster.web(site)];
    // The service that hands out the routes is made anew with each new set of them.
    delete tasks[`${workspace.name}-edge_config`];
    return tasks;
  };

  test("one command brings every site up, over TLS", async () => {
    expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(3);
    const { code, stdout, all } = await workspace.up();
    expect(code, all).toBe(0);
    for (const site of ["www", "finance", "mailbox", "records"])
      expect(stdout).toContain(`✓ ${workspace.visitor.url(site)}`);
    const bodies = {
      www: "the portal",
      finance: "first edition",
      mailbox: "app version 1",
      records: "on the old server",
    };
    for (const [site, body] of Object.entries(bodies)) {
      const answer = await workspace.visitor.get(site);
      expect(answer.status, site).toBe(200);
      expect(answer.body, site).toContain(body);
    }
  });

  test("a second run changes nothing and says so", async () => {
    const before = await workspace.cluster.snapshot();
    const { code, stdout } = await workspace.up();
    expect(stdout).toBe("No changes: the cluster is as the files say.\n");
    expect(code).toBe(0);
    expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    expect(await workspace.cluster.snapshot()).toEqual(before);
  });

  test("every object reads back as it was written", async () => {
    const live = toLive(await readCluster(workspace.docker, workspace.name), workspace.name);
    const ours = live.filter(({ kind }) => kind !== "image");
    expect(new Set(ours.map(({ kind }) => kind))).toEqual(new Set(["network", "secret", "config", "service"]));
    // A network's encryption and the like are added by the daemon, and a network is never changed in place.
    for (const { kind, name, spec, hash } of ours.filter((each) => each.kind !== "network"))
      expect(specHash(spec), `${kind} ${name}`).toBe(hash);
  });

  test("status tells of every site, for people and for machines", async () => {
    const { code, stdout } = await workspace.run("status", "--json");
    const { sites } = JSON.parse(stdout) as { sites: { site: string; ok: boolean; http: number; tasks: object }[] };
    expect(sites.map(({ site, ok, http }) => [site, ok, http])).toEqual([
      ["finance", true, 200],
      ["mailbox", true, 200],
      ["records", true, 200],
      ["www", true, 200],
    ]);
    expect(sites[0]?.tasks).toEqual({ running: 2, wanted: 2 });
    expect(code).toBe(0);
    expect((await workspace.run("status")).stdout).toContain("All 4 sites answer.");
  });

  test("Docker's own tools show the cluster sensibly", () => {
    const stacks = execFileSync("docker", ["stack", "ls", "--format", "{{.Name}} {{.Services}}"], { encoding: "utf8" });
    expect(
      stacks
        .split("\n")
        .filter((line) => line.startsWith(`${workspace.name}-`))
        .sort(),
    ).toEqual([
      `${workspace.name}-edge 2`,
      `${workspace.name}-site-finance 1`,
      `${workspace.name}-site-mailbox 1`,
      `${workspace.name}-site-www 1`,
    ]);
    const services = execFileSync("docker", [
      "stack",
      "services",
      `${workspace.name}-site-finance`,
      "--format",
      "{{.Name}} {{.Replicas}}",
    ]);
    expect(services.toString().trim()).toBe(`${workspace.name}-site-finance_web 2/2`);
  });

  test("every container is hardened", async () => {
    const { name, docker } = workspace;
    const containers = await docker.listContainers({ filters: { name: [`^/${name}-`] } });
    expect(containers.length).toBe(6);
    for (const { Id, Names } of containers) {
      const { Config, HostConfig, Mounts } = await docker.getContainer(Id).inspect();
      const label = Names.join();
      expect(Config.User, label).toBe("10001:10001");
      expect(HostConfig.ReadonlyRootfs, label).toBe(true);
      expect(HostConfig.CapDrop, label).toEqual(["ALL"]);
      expect(HostConfig.CapAdd ?? [], label).toEqual([]);
      expect(HostConfig.Privileged, label).toBe(false);
      expect(HostConfig.PidsLimit, label).toBe(256);
      expect(HostConfig.Memory, label).toBeGreaterThan(0);
      expect(HostConfig.NanoCpus, label).toBeGreaterThan(0);
      expect(Mounts.map(({ Source }) => Source).join(), label).not.toContain("docker.sock");
    }
  });

  test("names: aliases, IDN, plain HTTP, and names that nobody has", async () => {
    const { visitor, domain, name } = workspace;
    expect(await visitor.get(domain, "/a?b=c")).toMatchObject({ status: 301, location: visitor.url("www", "/a?b=c") });
    expect(await visitor.get(domainToASCII("红河.政务"), "/x")).toMatchObject({
      status: 301,
      location: visitor.url("www", "/x"),
    });
    expect(await visitor.plain("finance", "/p?q=1")).toMatchObject({
      status: 301,
      location: visitor.url("finance", "/p?q=1"),
    });
    expect(await visitor.plain("nobody.example.org")).toMatchObject({ status: 404 });
    expect(await visitor.get("nobody")).toMatchObject({ status: 421 });
    expect((await visitor.get("finance", "/no/such/page")).status).toBe(404);
    await expect(visitor.get(`nobody.${name}.example`)).rejects.toThrow();
  });

  test("one more file is one more site, and nobody else notices", async () => {
    for (const site of ["www", "records"]) visitFromNow(site);
    // It is retired below, and taken back.
    visitFromNow("mailbox", [200, 301]);
    const before = await othersThan("culture");
    await workspace.pages("culture", "dances");
    const plan = await workspace.run("plan", "--detailed-exitcode");
    expect(plan.code).toBe(3);
    expect(plan.stdout).toContain(`+ create service ${workspace.cluster.web("culture")}`);
    const { code, stdout, all } = await workspace.up();
    expect(code, all).toBe(0);
    expect(stdout).toContain(`✓ ${workspace.visitor.url("culture")}`);
    expect((await workspace.visitor.get("culture")).body).toContain("dances");
    expect(await othersThan("culture")).toEqual(before);
    visitFromNow("culture");
    expect(failures()).toEqual([]);
  });

  test("a page changes under load without one failed request", async () => {
    const before = await othersThan("finance");
    const tasks = await workspace.cluster.tasks(workspace.cluster.web("finance"));
    await workspace.write("site-content/finance/index.html", "<p>second edition</p>");
    const { result, load } = await workspace.visitor.during("finance", () => workspace.up());
    expect(result.code, result.all).toBe(0);
    expect(load.failures).toEqual([]);
    expect(load.requests).toBeGreaterThan(300);
    expect((await workspace.visitor.get("finance")).body).toBe("<p>second edition</p>");
    const now = await workspace.cluster.tasks(workspace.cluster.web("finance"));
    expect(now.length).toBe(2);
    expect(now.filter((id) => tasks.includes(id))).toEqual([]);
    expect(await othersThan("finance")).toEqual(before);
    visitFromNow("finance");
    expect(failures()).toEqual([]);
  });

  test("a site gets more containers and fewer again without one failed request", async () => {
    const redirects = [
      { from: "/old/*", to: "/new/:splat" },
      { from: "/gone", to: "/", status: 302 },
    ];
    for (const replicas of [3, 2]) {
      await workspace.site("finance", staticSite("finance", { scale: { replicas }, redirects }));
      const { code, all } = await workspace.up();
      expect(code, all).toBe(0);
      expect(await workspace.cluster.tasks(workspace.cluster.web("finance"))).toHaveLength(replicas);
    }
    expect(failures()).toEqual([]);
  });

  test("a redirect's line removed removes that redirect and nothing else", async () => {
    const { visitor } = workspace;
    expect(await visitor.get("finance", "/old/a/b")).toMatchObject({ status: 301, location: "/new/a/b" });
    expect(await visitor.get("finance", "/gone")).toMatchObject({ status: 302 });
    const before = await othersThan();
    await workspace.site(
      "finance",
      staticSite("finance", { scale: { replicas: 2 }, redirects: [{ from: "/old/*", to: "/new/:splat" }] }),
    );
    const plan = await workspace.run("plan");
    expect(plan.stdout).toContain("redirects./gone");
    expect(plan.stdout).not.toContain("/old/");
    expect((await workspace.up()).code).toBe(0);
    expect(await visitor.get("finance", "/gone")).toMatchObject({ status: 404 });
    expect(await visitor.get("finance", "/old/a/b")).toMatchObject({ status: 301, location: "/new/a/b" });
    expect(await othersThan()).toEqual(before);
    expect(failures()).toEqual([]);
  });

  test("a retired site redirects on all its names, keeps its volume, and can be taken back with its data", async () => {
    const { visitor, cluster, name } = workspace;
    expect((await visitor.get("mailbox", "/set/letter")).body).toBe("kept");
    const before = await othersThan("mailbox");
    await workspace.site("mailbox", mailbox({ retire: RETIRE }));
    const retired = await workspace.up();
    expect(retired.code, retired.all).toBe(0);
    for (const host of ["mailbox", "post"])
      expect(await visitor.get(host, "/any")).toMatchObject({ status: 301, location: RETIRE.to });
    expect(await cluster.serviceNames()).not.toContain(cluster.web("mailbox"));
    expect(await cluster.volumes()).toContain(`${name}-site-mailbox_data`);
    expect(await othersThan("mailbox")).toEqual(before);
    await workspace.site("mailbox", mailbox());
    const back = await workspace.up();
    expect(back.code, back.all).toBe(0);
    expect((await visitor.get("mailbox", "/get")).body).toBe("letter");
    expect(await othersThan("mailbox")).toEqual(before);
    expect(failures()).toEqual([]);
  });

  test("a live site's file that vanished is refused, a retired one's is not", async () => {
    const { cluster, visitor, name } = workspace;
    const before = await cluster.snapshot();
    await workspace.remove("site-configs/mailbox.yaml");
    const refused = await workspace.up();
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("mailbox: live, but without a file (TERRACE_SITE_FILE_GONE)");
    expect(refused.stderr).toContain("site-configs/mailbox.yaml");
    expect(await cluster.snapshot()).toEqual(before);
    await workspace.site("mailbox", mailbox({ retire: { ...RETIRE, to: "https://www.example.gov.cn/" } }));
    expect((await workspace.up()).code).toBe(0);
    await loads.get("mailbox")?.stop();
    await workspace.remove("site-configs/mailbox.yaml");
    const gone = await workspace.up();
    expect(gone.code, gone.all).toBe(0);
    expect(await visitor.get("mailbox")).toMatchObject({ status: 421 });
    expect(await cluster.volumes()).toContain(`${name}-site-mailbox_data`);
    expect((await visitor.get("finance")).status).toBe(200);
    expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    for (const { stop } of loads.values()) await stop();
    expect(failures()).toEqual([]);
    for (const [site, { load }] of loads) expect(load.requests, site).toBeGreaterThan(500);
  });

  test("a site without a task is told to be back soon, and status says which", async () => {
    const { cluster, visitor } = workspace;
    await cluster.updateByHand(cluster.web("culture"), (spec) =>
      Object.assign(spec, { Mode: { Replicated: { Replicas: 0 } } }),
    );
    const answer = await visitor.until("culture", "/", ({ status }) => status === 503);
    expect(answer.headers["retry-after"]).toBe("10");
    const { code, stdout } = await workspace.run("status");
    expect(code).toBe(1);
    expect(stdout).toContain("1 of 4 sites do not do what their files say.");
    expect((await workspace.up()).code).toBe(0);
    expect((await visitor.get("culture")).status).toBe(200);
  });
});
