import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runTerrace } from "../bench/measure.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";

let workspace: SimulatedWorkspace;

beforeAll(async () => {
  workspace = await SimulatedWorkspace.create(2);
}, 120_000);

afterAll(() => workspace.close());

const terrace = (...args: string[]) => runTerrace(args, { cwd: workspace.root });

test("a plan is kept in a file that apply takes, whatever its name", async () => {
  const page = join(workspace.root, "site-content/www/index.html");
  const before = await readFile(page);
  await writeFile(page, "another page");
  const { code, output } = await terrace("plan", "-o", "review");
  expect(output).toContain("Next: terrace apply ./review\n");
  expect(code).toBe(0);
  // It is read as a plan: what is refused is what moved since.
  await writeFile(page, before);
  expect((await terrace("apply", "./review", "--yes")).output).toContain("(TERRACE_PLAN_STALE)");
});

test("a plan that cannot be written is told with what to do", async () => {
  const nowhere = await terrace("plan", "-o", "plans/review.plan");
  expect(nowhere.output).toContain("error the plan cannot be written to plans/review.plan (TERRACE_USAGE)");
  expect(nowhere.output).toContain("why:   there is no folder plans");
  expect(nowhere.output).toContain("next:  mkdir -p plans, then run this again");
  expect(nowhere.code).toBe(2);
  await mkdir(join(workspace.root, "taken.plan"));
  expect(await terrace("plan", "-o", "taken.plan")).toMatchObject({
    code: 2,
    output: expect.stringContaining("next:  name another file with --output"),
  });
});

test.each([
  [["review.plan", "finance"], "finance does not go with the plan file review.plan"],
  [["finance", "review.plan"], "finance does not go with the plan file review.plan"],
  [["review.plan", "--env", "test"], "--env does not go with the plan file review.plan"],
  [["review.plan", "--as-of", "2027-01-05"], "--as-of does not go with the plan file review.plan"],
])("apply %j is refused: the plan file says what is meant", async (args, message) => {
  const { code, output } = await terrace("apply", ...args);
  expect(output).toContain(`error ${message} (TERRACE_USAGE)`);
  expect(code).toBe(2);
});

test("what only goes with breaking a lock is refused without it", async () => {
  const { code, output } = await terrace("lock", "--force");
  expect(output).toContain("error --force needs --break and a scope (TERRACE_USAGE)");
  expect(code).toBe(2);
});

test("a site's broken file keeps nobody from the locks, the root and the other sites", async () => {
  const file = join(workspace.root, "site-configs/broken.yaml");
  await writeFile(file, "title: Broken\n");
  expect(await terrace("lock")).toMatchObject({ code: 0, output: expect.stringContaining("Nothing is locked.") });
  const root = await terrace("trust");
  expect(root).toMatchObject({ code: 0, output: expect.stringContaining("-----BEGIN CERTIFICATE-----") });
  const status = await terrace("status");
  expect(status.output).toContain("site-configs/broken.yaml has errors: its site was not visited");
  expect(status.output).toMatch(/^www +live +https:\/\/www\.honghe\.localhost\//m);
  expect(status.code).toBe(1);
});
