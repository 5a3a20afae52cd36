import type Dockerode from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acquireLock, listLocks } from "../../modules/engine/index.ts";
import { appSite, writeApp } from "../support/app.ts";
import { removePlatform } from "../support/cleanup.ts";
import { uniquePlatform } from "../support/names.ts";
import { Workspace } from "../support/workspace.ts";

describe("neighbours on one Swarm", () => {
  let one: Workspace;
  let other: Workspace;
  const foreign = uniquePlatform();

  beforeAll(async () => {
    one = await Workspace.create();
    other = await Workspace.create();
    for (const [workspace, text] of [
      [one, "of the one"],
      [other, "of the other"],
    ] as const) {
      await workspace.pages("www", `portal ${text}`);
      await workspace.pages("finance", `money ${text}`);
    }
    await writeApp(one);
    await one.site("mailbox", appSite("mailbox", { volumes: [{ name: "data", path: "/data", size: "10MiB" }] }));
    const { code, all } = await one.up();
    expect(code, all).toBe(0);
    await createForeign(one.docker, foreign);
  });

  afterAll(async () => {
    try {
      await one?.destroy();
    } finally {
      await other?.destroy();
      if (one !== undefined) await removePlatform(one.docker, foreign);
    }
  });

  test("two platforms stand side by side, and what is of neither is left alone", async () => {
    const before = await readForeign(one.docker, foreign);
    const first = await one.cluster.snapshot();
    const { code, all } = await other.up();
    expect(code, all).toBe(0);
    expect(await one.cluster.snapshot()).toEqual(first);
    expect((await one.visitor.get("finance")).body).toContain("money of the one");
    expect((await other.visitor.get("finance")).body).toContain("money of the other");
    expect((await other.run("status")).stdout).toContain("All 2 sites answer.");
    expect((await other.run("plan", "--detailed-exitcode")).code).toBe(0);
    expect(await readForeign(one.docker, foreign)).toEqual(before);
  });

  test("a name that somebody else has is told, and theirs stays", async () => {
    const taken = one.cluster.web("taken");
    const { id } = await one.docker.createService({
      Name: taken,
      TaskTemplate: { ContainerSpec: { Image: await image(one) } },
      Mode: { Replicated: { Replicas: 0 } },
    } as Dockerode.CreateServiceOptions);
    const before = await one.docker.getService(id).inspect();
    await one.pages("taken", "mine");
    await one.pages("finance", "more money of the one");
    const { code, stderr } = await one.up();
    expect(code).toBe(1);
    expect(stderr).toContain(`service ${taken} exists and was not made by Terrace (TERRACE_NAME_TAKEN)`);
    expect((await one.visitor.get("finance")).body).toContain("more money");
    expect(await one.docker.getService(id).inspect()).toEqual(before);
    await one.docker.getService(id).remove();
    await one.remove("site-configs/taken.yaml");
    expect((await one.run("plan", "--detailed-exitcode")).code).toBe(0);
  });

  test.each(["site-finance", "backup-mailbox"])(
    "destroy removes nothing while somebody holds %s, and does not take that away",
    async (scope) => {
      const holding = { docker: one.docker, platform: one.name, scopes: [scope], reason: "a test", noWait: true };
      const lock = await acquireLock({ ...holding, signal: AbortSignal.timeout(60_000), report: () => {} });
      const before = await one.cluster.snapshot();
      const { code, stdout, stderr } = await one.run("destroy", "--confirm", one.name, "--no-wait");
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("is being changed by somebody else (TERRACE_LOCKED)");
      expect(stderr).not.toContain("remove ");
      expect(await one.cluster.snapshot()).toEqual(before);
      expect((await listLocks(one.docker, one.name)).map((each) => each.scope)).toEqual([scope]);
      expect((await one.run("destroy")).stdout).not.toContain("lock");
      await lock.release();
    },
  );

  test("destroy wants the platform's name, and takes what it made and nothing else", async () => {
    const before = await readForeign(one.docker, foreign);
    const [mine, theirs] = [await one.cluster.snapshot(), await other.cluster.snapshot()];
    for (const args of [[], ["--confirm", "honghe-not"]]) {
      const refused = await one.run("destroy", ...args);
      expect(refused.code).toBe(2);
      expect(refused.stdout).toContain(`- service ${one.cluster.web("finance")}`);
      expect(refused.stderr).toContain(`(TERRACE_NOT_CONFIRMED)`);
      expect(refused.stderr).toContain(`terrace destroy --confirm ${one.name}`);
    }
    expect(await one.cluster.snapshot()).toEqual(mine);
    expect((await one.visitor.get("mailbox", "/set/letter")).body).toBe("kept");
    const { code, stdout, all } = await one.run("destroy", "--confirm", one.name);
    expect(code, all).toBe(0);
    expect(stdout).toContain("Its volumes are kept");
    expect(all).not.toContain("-lock_");
    expect(Object.keys(await one.cluster.snapshot()).sort()).toEqual([
      `volume ${one.name}-edge_data`,
      `volume ${one.name}-site-mailbox_data`,
    ]);
    expect(await other.cluster.snapshot()).toEqual(theirs);
    expect(await readForeign(one.docker, foreign)).toEqual(before);
    expect((await other.visitor.get("finance")).status).toBe(200);
  });

  test("up after destroy finds the data again", async () => {
    const { code, all } = await one.up();
    expect(code, all).toBe(0);
    one.visitor.root = (await one.run("trust")).stdout;
    expect((await one.visitor.get("mailbox", "/get")).body).toBe("letter");
  });
});

async function image({ docker, name }: Workspace): Promise<string> {
  const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  const found = tags.find((tag) => tag.includes(`/${name}/site-www:`));
  if (found === undefined) throw new Error("the portal has no image");
  return found;
}

/** A service, a network, a volume, a container, a secret and a config that Terrace did not make. */
async function createForeign(docker: Dockerode, name: string): Promise<void> {
  const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  const static_ = tags.find((tag) => tag.startsWith("127.0.0.1:5325/terrace/static:")) ?? "";
  await docker.createNetwork({ Name: `${name}_net`, Driver: "bridge", Internal: true });
  await docker.createVolume({ Name: `${name}_data` });
  await docker.createSecret({ Name: `${name}_secret`, Data: Buffer.from("x").toString("base64") });
  await docker.createConfig({ Name: `${name}_config`, Data: Buffer.from("x").toString("base64") });
  await docker.createService({
    Name: `${name}_web`,
    Labels: { "com.docker.stack.namespace": name },
    TaskTemplate: { ContainerSpec: { Image: static_ } },
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: { Mode: "dnsrr" },
  } as Dockerode.CreateServiceOptions);
  const container = await docker.createContainer({
    name: `${name}_box`,
    Image: static_,
    HostConfig: { Mounts: [{ Type: "volume", Source: `${name}_data`, Target: "/srv/data" }] },
  });
  await container.start();
}

async function readForeign(docker: Dockerode, name: string): Promise<object> {
  const of = <T extends { Spec?: { Name?: string } }>(items: T[]) =>
    items.filter(({ Spec }) => Spec?.Name?.startsWith(name));
  const box = await docker.getContainer(`${name}_box`).inspect();
  return {
    services: of(await docker.listServices()),
    secrets: of(await docker.listSecrets()),
    configs: of(await docker.listConfigs()),
    network: await docker.getNetwork(`${name}_net`).inspect(),
    volume: await docker.getVolume(`${name}_data`).inspect(),
    box: { Id: box.Id, Config: box.Config, HostConfig: box.HostConfig, State: box.State },
  };
}
