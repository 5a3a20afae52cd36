import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, converge, get, type RawService, rollBack } from "../../modules/docker/index.ts";
import { appSite, writeApp } from "../support/app.ts";
import { staticSite, Workspace } from "../support/workspace.ts";

const NOWHERE = "127.0.0.1:5325/nobody/nothing:1";

describe("one site's fault stays its own", () => {
  let workspace: Workspace;

  beforeAll(async () => {
    workspace = await Workspace.create();
    await writeApp(workspace);
    await workspace.pages("www", "the portal");
    await workspace.pages("finance", "money");
    await workspace.site("letters", appSite("letters"));
    const { code, all } = await workspace.up();
    expect(code, all).toBe(0);
  });

  afterAll(async () => {
    await workspace?.destroy();
  });

  const healthy = async () => {
    const tasks = await workspace.cluster.allTasks();
    return ["www", "finance"].map((site) => tasks[workspace.cluster.web(site)]);
  };

  describe("deploys that fail", () => {
    test("each is named with its reason, the old version serves on, new sites are taken away again", async () => {
      const before = await healthy();
      const letters = await workspace.cluster.tasks(workspace.cluster.web("letters"));
      await workspace.site("letters", appSite("letters", { env: { MODE: "crash", VERSION: "2" } }));
      await workspace.site("crash", appSite("crash", { env: { MODE: "crash", VERSION: "3" } }));
      await workspace.site("sick", appSite("sick", { env: { MODE: "sick" } }));
      await workspace.site("missing", { ...staticSite("missing"), serve: { image: { image: NOWHERE } } });
      await workspace.site("unbuilt", appSite("unbuilt", { build: "site-content/unbuilt" }));
      await workspace.write(
        "site-content/unbuilt/Dockerfile",
        `ARG BASE\nFROM \${BASE}\nRUN echo no letters here; exit 3\n`,
      );
      await workspace.pages("culture", "dances");
      const { result, load } = await workspace.visitor.during("letters", () => workspace.up());
      const { code, stdout, stderr } = result;
      expect(load.failures).toEqual([]);
      expect(load.bodies).toEqual(["app version 1"]);
      expect(stdout).toContain("5 of 8 sites failed; the others are as their files say.");
      expect(stdout).toContain(`✓ ${workspace.visitor.url("culture")}`);
      expect(code).toBe(1);
      expect(stderr).toContain("error letters did not come up: its container exited with code 7 (TERRACE_SITE_DOWN)");
      expect(stderr).toContain("| cannot open the letters: version 2");
      expect(stderr).toContain("the version before still serves");
      expect(stderr).toMatch(/error crash did not come up: its container exited with code 7.* \(TERRACE_SITE_DOWN\)/);
      expect(stderr).toContain("| cannot open the letters: version 3");
      expect(stderr).toMatch(/error sick did not come up: its health check failed.* \(TERRACE_SITE_DOWN\)/);
      expect(stderr).toContain(
        `error missing: the image ${NOWHERE} is not on this engine and can't be pulled (TERRACE_IMAGE_MISSING)`,
      );
      expect(stderr).toMatch(/error unbuilt: the image .* could not be built: .* \(TERRACE_BUILD_FAILED\)/);
      expect(stderr).toContain("no letters here");
      expect(stderr).toContain("site-content/unbuilt/Dockerfile");
      expect(stderr).toContain("| health check (exit 1): status: 500");
      for (const site of ["crash", "sick", "missing", "letters"])
        expect(stderr, site).toContain(`site-configs/${site}.yaml`);
      expect(await healthy()).toEqual(before);
      expect(await workspace.cluster.tasks(workspace.cluster.web("letters"))).toEqual(letters);
      const { name } = workspace;
      expect(await workspace.cluster.serviceNames()).toEqual(
        ["edge_caddy", "edge_config", "site-culture_web", "site-finance_web", "site-letters_web", "site-www_web"].map(
          (each) => `${name}-${each}`,
        ),
      );
      expect((await workspace.visitor.get("culture")).status).toBe(200);
      expect(await workspace.visitor.get("crash")).toMatchObject({ status: 421 });
    });

    test("tried again, programs are told each reason, and what was rolled back", async () => {
      const { code, stdout } = await workspace.up("--json", "letters", "crash", "sick", "missing");
      expect(code).toBe(1);
      const { outcomes } = JSON.parse(stdout) as { outcomes: { site: string; fault?: Record<string, unknown> }[] };
      const told = outcomes.map(({ site, fault }) => [site, fault?.code, fault?.reason, fault?.rolledBack]);
      expect(told.filter(([, fault]) => fault !== undefined).sort()).toEqual([
        ["crash", "TERRACE_SITE_DOWN", "exited", false],
        ["letters", "TERRACE_SITE_DOWN", "exited", true],
        ["missing", "TERRACE_IMAGE_MISSING", undefined, undefined],
        ["sick", "TERRACE_SITE_DOWN", "unhealthy", false],
      ]);
    });

    test("the next plan shows what is still to do", async () => {
      const { code, stdout } = await workspace.run("plan", "--detailed-exitcode");
      expect(stdout).toContain(`update service ${workspace.cluster.web("letters")}`);
      expect(code).toBe(3);
    });

    test("mended, they come up", async () => {
      const before = await healthy();
      await workspace.site("letters", appSite("letters", { env: { VERSION: "2" } }));
      await workspace.site("crash", appSite("crash", { env: { VERSION: "3" } }));
      await workspace.site("sick", appSite("sick"));
      for (const site of ["missing", "unbuilt"]) await workspace.remove(`site-configs/${site}.yaml`);
      const { result, load } = await workspace.visitor.during("letters", () => workspace.up());
      expect(result.code, result.all).toBe(0);
      expect(load.failures).toEqual([]);
      expect((await workspace.visitor.get("letters")).body).toBe("app version 2");
      expect((await workspace.visitor.get("crash")).body).toBe("app version 3");
      expect((await workspace.visitor.get("sick")).status).toBe(200);
      expect(await healthy()).toEqual(before);
      expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    });
  });

  test("a task that no node can take is told with what it asks for", async () => {
    const { docker, name, cluster } = workspace;
    const [service] = await get<RawService[]>(docker, "/services", { filters: { name: [cluster.web("www")] } });
    const Image = service?.Spec.TaskTemplate?.ContainerSpec?.Image;
    const Placement = { Constraints: ["node.labels.nowhere==yes"] };
    const Resources = { Reservations: { MemoryBytes: 64 * 2 ** 20 } };
    const TaskTemplate = { ContainerSpec: { Image }, Placement, Resources };
    const spec = { Name: `${name}-stuck`, TaskTemplate };
    const { ID } = await call<{ ID: string }>(docker, "POST", "/services/create", {}, spec);
    const fault = await converge(docker, ID, 60_000, AbortSignal.timeout(90_000));
    await docker.getService(ID).remove();
    expect(fault?.cause).toBe("no-node");
    expect(fault?.why).toMatch(
      /^no node can take it: no suitable node \(scheduling constraints not satisfied on \d+ nodes?\); it asks for 64MiB of memory, a node with node.labels.nowhere==yes$/,
    );
  });

  test("an update that waits for a node is taken back, and what ran goes on", async () => {
    const { docker, name, cluster } = workspace;
    const [service] = await get<RawService[]>(docker, "/services", { filters: { name: [cluster.web("www")] } });
    const ContainerSpec = { Image: service?.Spec.TaskTemplate?.ContainerSpec?.Image };
    // A constraint that no node meets would do, too, but Swarm stops what runs on a node that does not meet it, whenever the node changes.
    const spec = (MemoryBytes: number) => ({
      Name: `${name}-waits`,
      TaskTemplate: {
        ContainerSpec: { ...ContainerSpec, Labels: { "terrace.template": String(MemoryBytes) } },
        Resources: { Reservations: { MemoryBytes } },
      },
      UpdateConfig: { Order: "start-first", Parallelism: 1 },
      RollbackConfig: { Order: "start-first", Parallelism: 1 },
    });
    const { ID } = await call<{ ID: string }>(docker, "POST", "/services/create", {}, spec(2 ** 24));
    const signal = AbortSignal.timeout(120_000);
    try {
      expect(await converge(docker, ID, 60_000, signal)).toBeUndefined();
      const running = await cluster.tasks(`${name}-waits`);
      expect(await rollBack(docker, ID, signal)).toBe(false);
      const { Version } = await get<RawService>(docker, `/services/${ID}`);
      await call(docker, "POST", `/services/${ID}/update`, { version: Version.Index }, spec(2 ** 50));
      expect(await converge(docker, ID, 60_000, signal)).toMatchObject({
        why: expect.stringContaining("no node can take it"),
        rolledBack: false,
      });
      expect(await rollBack(docker, ID, signal)).toBe(true);
      expect(await converge(docker, ID, 60_000, signal, undefined, false)).toBeUndefined();
      expect(await cluster.tasks(`${name}-waits`)).toEqual(running);
    } finally {
      await docker.getService(ID).remove();
    }
  });

  test("a site that stands, and does not answer through the edge, is told", async () => {
    const serve = { proxy: "http://192.0.2.1:81" };
    await workspace.site("front", { title: "front", kind: "service", domains: ["front"], serve });
    const { code, stderr } = await workspace.up();
    expect(stderr).toMatch(/error front is deployed but does not answer as it should: .* \(TERRACE_SITE_UNREACHABLE\)/);
    expect(stderr).toContain("next:  does http://192.0.2.1:81 answer?");
    expect(code).toBe(1);
    expect((await workspace.visitor.get("www")).status).toBe(200);
    await workspace.pages("front", "front by itself");
    expect((await workspace.up()).code).toBe(0);
  });

  describe("a bad file among good ones", () => {
    test("nothing is touched", async () => {
      const before = await workspace.cluster.snapshot();
      await workspace.write("site-content/finance/index.html", "more money");
      await workspace.site("culture", staticSite("culture", { scale: { memory: 64 } }));
      for (const command of ["up", "plan"]) {
        const { code, stderr } = await workspace.run(command, ...(command === "up" ? ["--yes"] : []));
        expect(code).toBe(2);
        expect(stderr).toContain("site-configs/culture.yaml:8:11 scale.memory: must be a size like 64MiB, got 64");
        expect(stderr).toContain("error 1 error in the configuration; nothing was touched (TERRACE_CONFIG)");
      }
      expect(await workspace.cluster.snapshot()).toEqual(before);
    });

    test("a good site can be deployed by name, and the bad one stays as it is", async () => {
      const culture = await workspace.cluster.tasks(workspace.cluster.web("culture"));
      const { code, stdout, stderr } = await workspace.up("finance");
      expect(stderr).toContain("site-configs/culture.yaml:8:11");
      expect(code, stdout + stderr).toBe(0);
      expect((await workspace.visitor.get("finance")).body).toBe("more money");
      expect((await workspace.visitor.get("culture")).body).toContain("dances");
      expect(await workspace.cluster.tasks(workspace.cluster.web("culture"))).toEqual(culture);
      await workspace.pages("culture", "dances");
      expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    });

    test("bad usage touches nothing either", async () => {
      const unknown = await workspace.run("up", "--yes", "fnance");
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toContain("there is no site fnance");
      const unasked = await workspace.run("up");
      expect(unasked.code).toBe(0);
      await workspace.pages("culture", "other dances");
      const refused = await workspace.run("up");
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("there is no terminal to ask on (TERRACE_NEEDS_YES)");
      await workspace.pages("culture", "dances");
      expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    });
  });

  describe("secrets", () => {
    const FIRST = "swordfish-4711";
    const SECOND = "opensesame-4712";
    const site = () => workspace.site("vault", appSite("vault", { secrets: ["TOKEN"] }));

    test("one without a value stops its own site only", async () => {
      await site();
      await workspace.write("site-content/finance/index.html", "even more money");
      const { code, stderr } = await workspace.up();
      expect(code).toBe(1);
      expect(stderr).toContain("the secret TOKEN of vault has no value here (TERRACE_SECRET_MISSING)");
      expect(stderr).toContain("secrets/vault/TOKEN");
      expect((await workspace.visitor.get("finance")).body).toBe("even more money");
      expect(await workspace.cluster.serviceNames()).not.toContain(workspace.cluster.web("vault"));
    });

    test("a value reaches its container and nothing else", async () => {
      await workspace.write("secrets/vault/TOKEN", `${FIRST}\n`);
      const plan = await workspace.run("plan", "--json");
      const seen = { done: false, lines: [] as string[] };
      const watch = watchProcesses(FIRST, seen);
      const { code, all } = await workspace.up();
      seen.done = true;
      await watch;
      expect(code, all).toBe(0);
      expect((await workspace.visitor.get("vault", "/secret")).body).toBe(FIRST);
      expect(seen.lines).toEqual([]);
      const inspected = await inspectAll(workspace);
      expect(inspected).toContain(workspace.cluster.web("vault"));
      for (const text of [plan.all, all, inspected]) {
        expect(text).not.toContain(FIRST);
        expect(text).not.toContain(Buffer.from(FIRST).toString("base64"));
      }
    });

    test("another value, from the environment, replaces the task and the secret", async () => {
      const before = await workspace.cluster.tasks(workspace.cluster.web("vault"));
      workspace.env = { TERRACE_SECRET_VAULT_TOKEN: SECOND };
      const { code, all } = await workspace.up();
      expect(code, all).toBe(0);
      expect((await workspace.visitor.get("vault", "/secret")).body).toBe(SECOND);
      const now = await workspace.cluster.tasks(workspace.cluster.web("vault"));
      expect(now.length).toBe(1);
      expect(now).not.toEqual(before);
      expect(`${all}${await inspectAll(workspace)}`).not.toContain(SECOND);
      const secrets = Object.keys(await workspace.cluster.snapshot()).filter((key) => key.includes("vault_TOKEN"));
      expect(secrets.length).toBe(1);
      expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
    });
  });
});

/** Command lines of all processes that hold a text, until told to stop. */
async function watchProcesses(text: string, seen: { done: boolean; lines: string[] }): Promise<void> {
  while (!seen.done) {
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (line.includes(text)) seen.lines.push(line);
    }
    await sleep(50);
  }
}

/** All that the engine tells of a platform's services, tasks, containers, secrets and configs. */
async function inspectAll({ docker, name }: Workspace): Promise<string> {
  const filters = { label: [`terrace.platform=${name}`] };
  const containers = await docker.listContainers({ filters: { name: [`^/${name}-`] } });
  return JSON.stringify([
    await docker.listServices({ filters }),
    await docker.listSecrets({ filters }),
    await docker.listConfigs({ filters }),
    await docker.listTasks(),
    await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).inspect())),
  ]);
}
