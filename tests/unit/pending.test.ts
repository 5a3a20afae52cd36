import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NO_SITE, showPending } from "../../scripts/cli/pending.ts";
import { openWorkspace } from "../../scripts/cli/workspace.ts";
import { siteYaml } from "../bench/sites.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";

let simulated: SimulatedWorkspace;
let out: string[];
let err: string[];

beforeEach(async () => {
  simulated = await SimulatedWorkspace.create(2);
  [out, err] = [[], []];
  vi.spyOn(process, "cwd").mockReturnValue(simulated.root);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => err.push(String(text)) > 0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await simulated.close();
});

async function pending(only: string[], json = false): Promise<{ out: string; err: string }> {
  const workspace = await openWorkspace({ arguments: [], options: {} }, "platform");
  [out, err] = [[], []];
  await showPending(workspace, only, json);
  return { out: out.join(""), err: err.join("") };
}

const write = (path: string, text: string) => writeFile(join(simulated.root, path), text);

test("nothing is shown where nothing else is to be done, nor what is to be done for other sites", async () => {
  const nothing = { out: "", err: "" };
  await write("site-configs/s00001.yaml", siteYaml("s00001").replace("32MiB", "64MiB"));
  expect(await pending(["www"])).toEqual(nothing);
  expect(await pending(NO_SITE)).toEqual(nothing);
});

test("what is to be done for the site, or for the platform, is shown; only its sum where the output is JSON", async () => {
  await write("site-configs/s00001.yaml", siteYaml("s00001").replace("32MiB", "64MiB"));
  expect((await pending(["s00001"])).out).toContain("~ update service honghe-site-s00001_web");
  await write("platform.yaml", "platform: honghe\ndomain: honghe.localhost\nedge: { http: 8081, https: 8444 }\n");
  const edge = await pending(NO_SITE);
  expect(edge.out).toContain("~ update service honghe-edge_caddy");
  expect(edge.out).not.toContain("site-s00001_web");
  const json = await pending(NO_SITE, true);
  expect(json).toMatchObject({ out: "", err: expect.stringMatching(/is carried out, too:\nPlan: .* to update/) });
});

test("a site of which no plan can be made is told", async () => {
  await write(
    "site-configs/s00001.yaml",
    siteYaml("s00001").replace(/serve: .*/, 'serve: { image: { image: "a:1", secrets: [KEY] } }'),
  );
  expect((await pending(["s00001"])).err).toContain(
    "What else is to be done for s00001 cannot be told: the secret KEY of s00001 has no value here",
  );
});
