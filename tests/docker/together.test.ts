import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../modules/docker/index.ts";
import { acquireLock, listLocks } from "../../modules/engine/index.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await Workspace.create();
  for (const site of ["www", "one", "two"]) await workspace.pages(site, `${site}, first edition`);
  // A platform that is not there yet can be reviewed like any other.
  expect((await workspace.run("plan", "-o", "first.plan")).code).toBe(0);
  const applied = await workspace.run("apply", "first.plan", "--yes");
  expect(applied.code, applied.all).toBe(0);
  const up = await workspace.up();
  expect([up.code, up.stdout.includes("No changes")], up.all).toEqual([0, true]);
});

afterAll(() => workspace?.destroy());

/** A lock that this test's process holds. */
async function hold(scope: string, reason: string) {
  const docker = await connect();
  const request = { docker, platform: workspace.name, scopes: [scope], reason, noWait: true };
  return acquireLock({ ...request, signal: AbortSignal.timeout(60_000), report: () => {} });
}

test("two runs for different sites finish side by side, each with its own routes", async () => {
  await workspace.pages("one", "one, second edition", { redirects: [{ from: "/a", to: "/b" }] });
  await workspace.pages("two", "two, second edition", { redirects: [{ from: "/c", to: "/d" }] });
  const seen = { done: false, together: 0 };
  const watch = (async () => {
    const docker = await connect();
    while (!seen.done) {
      const scopes = (await listLocks(docker, workspace.name)).map(({ scope }) => scope);
      if (scopes.includes("site-one") && scopes.includes("site-two")) seen.together++;
    }
  })();
  const [one, two] = await Promise.all([workspace.up("one"), workspace.up("two")]);
  seen.done = true;
  await watch;
  expect([one.code, two.code], one.all + two.all).toEqual([0, 0]);
  expect(seen.together).toBeGreaterThan(0);
  expect((await workspace.visitor.get("one", "/a")).status).toBe(301);
  expect((await workspace.visitor.get("two", "/c")).status).toBe(301);
  expect((await workspace.run("plan", "--detailed-exitcode")).code).toBe(0);
});

test("of two runs for the same site the second waits, and then finds nothing to do", async () => {
  await workspace.pages("one", "one, third edition");
  const ended = await Promise.all([workspace.up("one"), workspace.up("one")]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  const waited = ended.filter(({ stderr }) => stderr.includes("waiting for `up one` by "));
  expect(waited).toHaveLength(1);
  expect(waited[0]?.stdout).toContain("No changes: the cluster is as the files say.");
});

test("who does not want to wait is told who holds the lock, since when", async () => {
  const lock = await hold("site-one", "a test");
  await workspace.pages("one", "one, fourth edition");
  const refused = await workspace.up("one", "--no-wait");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("site-one is being changed by somebody else (TERRACE_LOCKED)");
  expect(refused.stderr).toMatch(/`a test` by \S+ on \S+ \(process \d+\), since \d{4}-/);
  expect((await workspace.run("lock")).stdout).toContain("site-one: `a test` by ");
  // Another site is not concerned.
  await workspace.pages("two", "two, fourth edition");
  expect((await workspace.up("two", "--no-wait")).code).toBe(0);
  const late = await workspace.up("one", "--wait", "2s");
  expect(late.code).toBe(1);
  expect(late.stderr).toContain("site-one is being changed by somebody else (TERRACE_LOCKED)");
  expect(late.stderr).toContain("; it was waited for 2s");
  expect((await workspace.up("--wait", "one")).stderr).toContain(
    "--wait takes a time like 5m, got one (TERRACE_USAGE)",
  );
  await lock.release();
  expect((await workspace.up("one", "--no-wait")).code).toBe(0);
});

test("who waits is told for whom and how long, and goes on when the other is done", async () => {
  const lock = await hold("site-one", "a test that takes its time");
  await workspace.pages("one", "one, a later edition");
  const waits = workspace.start("up", "--yes", "--wait", "5m", "one");
  const told = () =>
    waits
      .written()
      .split("\n")
      .filter((line) => line.includes("waiting for `a test that takes its time`"));
  while (told().length < 2) await new Promise((next) => setTimeout(next, 100));
  expect(told()[1]).toMatch(/ UTC: 1\d s by now$/);
  await lock.release();
  const { code, all } = await waits.ended;
  expect(code, all).toBe(0);
  expect((await workspace.visitor.get("one")).body).toContain("a later edition");
});

test("a lock that is broken stops its holder; one whose holder died is taken over", async () => {
  const lock = await hold("site-one", "a test that hangs");
  expect((await workspace.run("lock", "--break", "site-two")).code).toBe(2);
  const held = await workspace.run("lock", "--break", "site-one");
  expect(held.code).toBe(1);
  expect(held.stderr).toContain("the holder of the lock on site-one is at work; it was not broken (TERRACE_LOCK_HELD)");
  expect(held.stderr).toMatch(/why: {3}it is renewed by `a test that hangs` by \S+ on /);
  expect(held.stderr).toContain("terrace lock --break site-one --force");
  expect((await workspace.run("lock")).stdout).toMatch(
    /^site-one: `a test that hangs` .* UTC, renewed at [\d:]+ UTC\n$/,
  );
  expect(lock.lost.aborted).toBe(false);
  const forced = await workspace.run("lock", "--break", "site-one", "--force");
  expect([forced.code, forced.stdout]).toEqual([0, expect.stringContaining("Broke the lock on site-one of ")]);
  await new Promise((resolve) => lock.lost.addEventListener("abort", resolve));
  expect(String(lock.lost.reason)).toContain("the lock of this run was taken away");
  await lock.release();

  await workspace.pages("one", "one, fifth edition");
  const killed = workspace.start("up", "--yes", "one");
  while ((await listLocks(await connect(), workspace.name)).length === 0)
    await new Promise((next) => setTimeout(next, 20));
  killed.child.kill("SIGKILL");
  await killed.ended;
  const after = await workspace
    .up("one", "--no-wait")
    .then((first) => (first.code === 0 ? first : workspace.up("one")));
  expect(after.code, after.all).toBe(0);
  expect(await listLocks(await connect(), workspace.name)).toEqual([]);
  expect((await workspace.visitor.get("one")).body).toContain("fifth edition");
});

test("a lock that nobody renews is broken without force; one whose holder is gone from this host at once", async () => {
  const holder = { user: "root", host: "elsewhere", pid: 1, reason: "up two", since: "2026-11-23T18:00:12.000Z" };
  await leaveLock(holder);
  const broken = await workspace.run("lock", "--break", "site-two");
  expect([broken.code, broken.stdout], broken.all).toEqual([
    0,
    "Broke the lock on site-two of `up two` by root on elsewhere (process 1), since 2026-11-23 18:00:12 UTC.\n",
  ]);
  expect(await listLocks(await connect(), workspace.name)).toEqual([]);

  await workspace.pages("two", "two, to be killed");
  const killed = workspace.start("up", "--yes", "two");
  while ((await listLocks(await connect(), workspace.name)).length === 0)
    await new Promise((next) => setTimeout(next, 20));
  killed.child.kill("SIGKILL");
  await killed.ended;
  const [left] = await listLocks(await connect(), workspace.name);
  if (left === undefined) throw new Error("it has given its lock back");
  expect(left.gone).toBe(true);
  const gone = await workspace.run("lock", "--break", left.scope);
  expect([gone.code, gone.stderr]).toEqual([0, ""]);
  expect((await workspace.up("two")).code).toBe(0);
});

/** A lock on `two` of a holder elsewhere, whom nobody hears of. */
async function leaveLock(holder: object): Promise<void> {
  await workspace.docker.createConfig({
    Name: `${workspace.name}-lock_site-two`,
    Data: Buffer.from("lock").toString("base64"),
    Labels: {
      "terrace.platform": workspace.name,
      "terrace.lock": "site-two",
      "terrace.lock.holder": JSON.stringify(holder),
      "terrace.lock.beat": "0",
    },
  } as never);
}

test("a reviewed plan is carried out as it is, or refused with what moved", async () => {
  await workspace.pages("one", "one, sixth edition");
  expect((await workspace.run("plan", "-o", "review.plan")).stdout).toContain("Next: terrace apply review.plan");
  const before = await workspace.cluster.snapshot();
  await workspace.pages("one", "one, another edition");
  const otherFiles = await workspace.run("apply", "review.plan", "--yes");
  expect(otherFiles.code).toBe(1);
  expect(otherFiles.stderr).toContain("the files say something else than when the plan was made; nothing was done");
  expect(await workspace.cluster.snapshot()).toEqual(before);
  await workspace.pages("one", "one, sixth edition");
  const done = await workspace.run("apply", "review.plan", "--yes");
  expect(done.code, done.all).toBe(0);
  expect((await workspace.visitor.get("one")).body).toContain("sixth edition");
  const moved = await workspace.run("apply", "review.plan", "--yes");
  expect(moved.code).toBe(1);
  expect(moved.stderr).toContain("the cluster is not what the plan was made from; nothing was done");
  expect(moved.stderr).toContain(`service ${workspace.cluster.web("one")}: changed`);
});

test("who finds nothing to do waits for whoever changes the same, and looks again", async () => {
  const lock = await hold("site-one", "an earlier commit");
  const waits = workspace.start("up", "--yes", "one");
  await expect.poll(waits.written, { timeout: 60_000 }).toContain("waiting for `an earlier commit`");
  expect((await workspace.up("one", "--no-wait")).code).toBe(1);
  // Another site is not concerned.
  expect((await workspace.up("two", "--no-wait")).stdout).toContain("No changes");
  const web = workspace.docker.getService(workspace.cluster.web("one"));
  const { Spec, Version } = await web.inspect();
  const changed = structuredClone(Spec);
  changed.TaskTemplate.ContainerSpec.Env = ["BY=somebody"];
  await web.update({ ...changed, version: Version.Index });
  await lock.release();
  const { code, stdout } = await waits.ended;
  expect(code).toBe(0);
  expect(stdout).toContain("BY");
  expect((await workspace.run("plan", "one", "--detailed-exitcode")).code).toBe(0);
});

test("a domain moves from one site to another, each deployed by itself, and every other site goes on", async () => {
  const moved = `moved.${workspace.domain}`;
  await workspace.pages("one", "one, with it", { domains: ["one", "moved"] });
  expect((await workspace.up("one")).code).toBe(0);
  expect((await workspace.visitor.get("moved")).location).toContain(`one.${workspace.domain}`);
  await workspace.pages("one", "one, without it");
  await workspace.pages("two", "two, with it", { domains: ["moved", "two"] });
  const two = await workspace.up("two");
  expect(two.code, two.all).toBe(0);
  expect((await workspace.visitor.get("moved")).body).toContain("two, with it");
  expect((await workspace.visitor.get("one")).body).toContain("one, with it");
  const one = await workspace.up("one");
  expect(one.code, one.all).toBe(0);
  expect((await workspace.visitor.get("moved")).body).toContain("two, with it");
  expect((await workspace.visitor.get("one")).body).toContain("one, without it");
  expect((await workspace.run("plan", "--detailed-exitcode")).code, moved).toBe(0);
});

test("a site that the edge does not know is told by status", async () => {
  await workspace.site("three", {
    title: "three",
    kind: "service",
    domains: ["three"],
    serve: { proxy: "http://10.255.255.1:80" },
  });
  const { code, stdout } = await workspace.run("status", "three");
  expect(stdout).toContain("the edge has no route to it");
  expect(code).toBe(1);
  await workspace.remove("site-configs/three.yaml");
});

test("what is no plan is refused", async () => {
  await writeFile(join(workspace.folder, "no.plan"), "{}");
  expect((await workspace.run("apply", "no.plan", "--yes")).stderr).toContain(
    "no.plan is not a plan (TERRACE_PLAN_FILE)",
  );
  expect((await workspace.run("apply", "not-there.plan", "--yes")).code).toBe(2);
});

test("a plan for a merge request is Markdown with one folded part a stack", async () => {
  await workspace.pages("two", "two, a new edition", { domains: ["moved", "two"] });
  const { stdout } = await workspace.run("plan", "--markdown");
  expect(stdout).toContain(`### Terrace: 1 to create, 1 to update, 0 to delete for ${workspace.name}`);
  expect(stdout).toContain("<details><summary>site-two</summary>");
});
