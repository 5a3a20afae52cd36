import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../modules/docker/index.ts";
import { engineObstacle } from "../support/engine.ts";
import { newerPrograms, type Programs } from "../support/newer-engine.ts";
import { PrivateEngine } from "../support/private-engine.ts";
import { makeSharedImages } from "../support/shared-images.ts";
import { staticSite, Workspace } from "../support/workspace.ts";

/** Its engine is newer than that of the release that Terrace's own images are made of. */
const SUITE = process.env.TERRACE_TEST_SUITE ?? "trixie";
/** MB. The shared images take about 400 of it. */
const DISK = 1200;
const RETIRE = { redirect: "2026-01-05", to: "https://www.example.gov.cn/" };

const obstacle = await engineObstacle();
let programs: Programs;
let engine: PrivateEngine;
let workspace: Workspace;

beforeAll(async () => {
  if (obstacle !== undefined) return;
  const main = await connect();
  const references = await makeSharedImages(main, ["static", "edge"], () => undefined);
  programs = await newerPrograms(SUITE);
  engine = await PrivateEngine.start(DISK, programs.usr);
  await engine.copyImages(main, references);
  await engine.docker.swarmInit({ ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1", ForceNewCluster: false });
  process.env.DOCKER_HOST = `unix://${engine.socket}`;
  workspace = await Workspace.create();
  workspace.through = engine.inside;
});

afterAll(async () => {
  delete process.env.DOCKER_HOST;
  await workspace?.remove(".");
  await engine?.destroy();
  await programs?.remove();
});

async function up(): Promise<string> {
  const { code, all, stdout } = await workspace.run("up", "--yes");
  expect(code, all).toBe(0);
  return stdout;
}

async function visit(site: string): Promise<string> {
  const { status, body } = await engine.visit(workspace.visitor.host(site), workspace.visitor.ports.https);
  return `${status} ${body.trim()}`;
}

test.skipIf(obstacle !== undefined)("a newer engine is asked for a newer API, and answers it", async () => {
  const version = await engine.docker.version();
  expect(Number(version.ApiVersion)).toBeGreaterThanOrEqual(1.44);
  expect(Number((await (await connect()).version()).ApiVersion)).toBe(Number(version.ApiVersion));
});

test.skipIf(obstacle !== undefined)("sites come up on it, and a second run finds nothing to do", async () => {
  for (const site of ["www", "finance", "records"]) await workspace.pages(site, `${site}, edition 1`);
  await up();
  for (const site of ["www", "finance", "records"]) expect(await visit(site)).toContain(`200 <!doctype html>`);
  expect(await up()).toBe("No changes: the cluster is as the files say.\n");
  const status = await workspace.run("status", "--drift");
  expect(status.code, status.all).toBe(0);
});

test.skipIf(obstacle !== undefined)("sites are changed, scaled, retired and put right on it", async () => {
  await workspace.pages("finance", "finance, edition 2", { scale: { replicas: 2 } });
  await workspace.site("records", staticSite("records", { retire: RETIRE }));
  await workspace.cluster.updateByHand(workspace.cluster.web("www"), (spec: Record<string, unknown>) => {
    const { ContainerSpec } = spec.TaskTemplate as { ContainerSpec: { Env?: string[] } };
    ContainerSpec.Env = ["ADDED=by hand"];
  });
  expect((await workspace.run("plan")).stdout).toContain("Env.ADDED: by hand → (gone)");
  await up();
  expect(await visit("finance")).toContain("finance, edition 2");
  expect(await visit("records")).toMatch(/^301/);
  const tasks = await workspace.cluster.tasks(workspace.cluster.web("finance"));
  expect(tasks).toHaveLength(2);
  expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
});

test.skipIf(obstacle !== undefined)(
  "a site whose image is nowhere is told and serves on, and the platform goes in the end",
  async () => {
    await workspace.site(
      "finance",
      staticSite("finance", { serve: { image: { image: "127.0.0.1:5325/none/none:1" } } }),
    );
    const bad = await workspace.run("up", "--yes");
    expect(bad.code, bad.all).toBe(1);
    expect(bad.stderr).toContain("error finance: ");
    expect(await visit("finance")).toContain("finance, edition 2");
    const gone = await workspace.run("destroy", "--confirm", workspace.name, "--volumes");
    expect(gone.code, gone.all).toBe(0);
    expect(await workspace.cluster.everything()).toEqual([]);
    // It was the last platform of its engine.
    expect((await engine.docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? [])).toEqual([]);
  },
);
