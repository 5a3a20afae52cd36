import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appSite } from "../support/app.ts";
import { staticSite, Workspace } from "../support/workspace.ts";

const SITES = ["finance", "culture", "health"];

describe("what somebody changed by hand, and runs that were cut off", () => {
  let workspace: Workspace;
  const edition = (number: number) =>
    Promise.all(SITES.map((site) => workspace.write(`site-content/${site}/index.html`, `${site} ${number}`)));

  beforeAll(async () => {
    workspace = await Workspace.create();
    await workspace.pages("www", "the portal");
    for (const site of SITES) await workspace.site(site, staticSite(site));
    await edition(1);
    const { code, all } = await workspace.up();
    expect(code, all).toBe(0);
  });

  afterAll(async () => {
    await workspace?.destroy();
  });

  const everySiteIs = async (number: number) => {
    for (const site of SITES) {
      const { status, body } = await workspace.visitor.get(site);
      expect([status, body]).toEqual([200, `${site} ${number}`]);
    }
    expect((await workspace.run("plan", "--detailed-exitcode")).stdout).toBe(
      "No changes: the cluster is as the files say.\n",
    );
  };

  /** No object of an earlier deploy is left: one service a site, and two configs of the edge. */
  const noOrphans = async (more = 0) => {
    const names = Object.keys(await workspace.cluster.snapshot()).map((key) => key.replace(`${workspace.name}-`, ""));
    expect(names.filter((name) => name.startsWith("service "))).toHaveLength(SITES.length + 3 + more);
    expect(
      names
        .filter((name) => name.startsWith("config "))
        .map((name) => name.replace(/-[0-9a-f]+$/, ""))
        .sort(),
    ).toEqual(["config edge_caddy", "config edge_routes"]);
    for (const tasks of Object.values(await workspace.cluster.allTasks())) expect(tasks).toHaveLength(1);
  };

  test("a property changed by hand is shown and put back", async () => {
    const { cluster } = workspace;
    await cluster.updateByHand(cluster.web("finance"), (spec: Record<string, unknown>) => {
      const template = spec.TaskTemplate as { ContainerSpec: { Env?: string[] } };
      template.ContainerSpec.Env = ["ADDED=by hand", "DB_PASSWORD=swordfish"];
      spec.Mode = { Replicated: { Replicas: 3 } };
    });
    const { stdout, code } = await workspace.run("plan", "--detailed-exitcode");
    expect(code).toBe(3);
    expect(stdout).toContain(
      `~ update service ${cluster.web("finance")} (changed by hand, will be put back; replaces tasks, new before old)`,
    );
    expect(stdout).toContain("Mode.Replicated.Replicas: 3 → 1");
    const status = await workspace.run("status");
    expect(status.stdout.match(/^.*changed by hand.*$/gm)).toEqual([
      "  finance: changed by hand (web): terrace status --drift says in what",
    ]);
    expect(stdout).toContain("Env.ADDED: by hand → (gone)");
    expect(stdout).toContain("Env.DB_PASSWORD: [secret] → (gone)");
    expect(stdout).not.toContain("swordfish");
    const up = await workspace.up();
    expect(up.code, up.all).toBe(0);
    await everySiteIs(1);
    await noOrphans();
  });

  test("what docker service update changed is told by status --drift, shown by plan, and put back by apply", async () => {
    const web = workspace.cluster.web("finance");
    const untouched = await workspace.run("status", "--drift");
    expect([untouched.code, untouched.stdout]).toEqual([0, "Nothing was changed by hand.\n"]);
    await promisify(execFile)("docker", ["service", "update", "--env-add", "NOTE=by-hand", web]);

    const told = await workspace.run("status", "--drift");
    expect(told.code, told.all).toBe(1);
    expect(told.stdout).toContain(`~ update service ${web} (changed by hand, will be put back; replaces tasks`);
    expect(told.stdout).toContain("Env.NOTE: by-hand → (gone)");
    expect(told.stdout).toContain("Next: terrace apply puts it back");
    const { code, stdout: json } = await workspace.run("status", "--drift", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(json)).toMatchObject({
      changes: [{ name: web, reason: "drift", drifted: true, properties: [{ path: "Env.NOTE", before: "by-hand" }] }],
      faults: [],
    });
    expect((await workspace.run("plan")).stdout).toContain("Env.NOTE: by-hand → (gone)");

    // A new edition of its pages hides nothing of that.
    await workspace.write("site-content/finance/index.html", "finance 2");
    const both = await workspace.run("status", "--drift");
    expect(both.code, both.all).toBe(1);
    expect(both.stdout).toContain(`~ update service ${web} (was changed by hand too; `);
    expect((await workspace.run("plan", "--markdown")).stdout).toContain("(was changed by hand too; ");
    await edition(1);

    const applied = await workspace.run("apply", "--yes");
    expect(applied.code, applied.all).toBe(0);
    const after = await workspace.run("status", "--drift");
    expect([after.code, after.stdout]).toEqual([0, "Nothing was changed by hand.\n"]);
    await everySiteIs(1);
    await noOrphans();
  });

  test("a site that cannot be planned is told as not checked", async () => {
    await workspace.site(
      "vault",
      appSite("vault", { build: undefined, image: "nobody/nothing:1", secrets: ["TOKEN"] }),
    );
    const { code, stdout, stderr } = await workspace.run("status", "--drift");
    expect([code, stdout]).toEqual([1, "Not all was checked: 1 site cannot be planned.\n"]);
    expect(stderr).toContain("the secret TOKEN of vault has no value here (TERRACE_SECRET_MISSING)");
    const json = await workspace.run("status", "--drift", "--json");
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([
      1,
      { changes: [], faults: [{ site: "vault", code: "TERRACE_SECRET_MISSING" }] },
    ]);
    const markdown = await workspace.run("plan", "--markdown");
    expect([markdown.code, markdown.stdout]).toMatchObject([1, expect.stringContaining("1 site cannot be planned")]);
    await workspace.remove("site-configs/vault.yaml");
  });

  test("a service and the edge's configuration that were removed by hand come back", async () => {
    const { cluster, docker, name } = workspace;
    await docker.getService(cluster.web("culture")).remove();
    await docker.getService(`${name}-edge_config`).remove();
    const configs = await docker.listConfigs({ filters: { label: [`terrace.platform=${name}`] } });
    await Promise.all(configs.map(({ ID }) => removeLater(() => docker.getConfig(ID).remove())));
    const { stdout, code } = await workspace.run("plan", "--detailed-exitcode");
    expect(code).toBe(3);
    expect(stdout).toContain(`+ create service ${cluster.web("culture")}`);
    expect(stdout).toContain(`+ create service ${name}-edge_config`);
    const up = await workspace.up();
    expect(up.code, up.all).toBe(0);
    await everySiteIs(1);
    await noOrphans();
  });

  test("Ctrl-C stops between two operations, says so, and the next run goes on", async () => {
    await edition(2);
    const run = workspace.start("up", "--yes");
    await until(() => / s {2}update service/.test(run.written()));
    run.child.kill("SIGINT");
    const { code, stderr } = await run.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("stopped before the end (TERRACE_INTERRUPTED)");
    expect(stderr).toContain("run this again: it goes on where it stopped");
    const up = await workspace.up();
    expect(up.code, up.all).toBe(0);
    await everySiteIs(2);
    await noOrphans();
  });

  test.each([1, 2, 3])("a run that is killed leaves nothing that the next one does not mend (%i)", async (round) => {
    await edition(round + 10);
    const site = `extra${round}`;
    await workspace.pages(site, "for a while");
    const run = workspace.start("up", "--yes");
    await until(() => /create|update/.test(run.written().replace(/^ *[+~].*$/gm, "")));
    await sleep(Math.random() * 4000);
    run.child.kill("SIGKILL");
    expect((await run.ended).code).toBe("SIGKILL");
    const up = await workspace.up();
    expect(up.code, up.all).toBe(0);
    expect((await workspace.visitor.get(site)).body).toContain("for a while");
    await everySiteIs(round + 10);
    await noOrphans(round);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("not within a minute");
    await sleep(20);
  }
}

/** Swarm lets go of what a service used a moment after the service is gone. */
async function removeLater(remove: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await remove();
      return;
    } catch (error) {
      if (attempt === 40) throw error;
      await sleep(250);
    }
  }
}
