import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runTerrace } from "../bench/measure.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";

let workspace: SimulatedWorkspace;

beforeAll(async () => {
  workspace = await SimulatedWorkspace.create(2);
  const at = (path: string) => join(workspace.root, path);
  const repository = "rest:https://vault.example.cn:8000";
  const backup = JSON.stringify({ repository, credentials: ["REST_USERNAME", "REST_PASSWORD"] });
  await writeFile(at("platform.yaml"), `platform: honghe\ndomain: honghe.localhost\nbackup: ${backup}\n`);
  await mkdir(at("secrets/backup"), { recursive: true });
  await writeFile(at("secrets/backup/REST_USERNAME"), "honghe");
}, 120_000);

afterAll(() => workspace.close());

const terrace = (...args: string[]) => runTerrace(args, { cwd: workspace.root });

test("a credential that platform.yaml does not name is refused with the place where it belongs", async () => {
  const { code, output } = await terrace("secret", "set", "backup", "REST_PASSPHRASE");
  expect(output).toContain("error no place of backups asks for a secret REST_PASSPHRASE (TERRACE_NO_SECRET)");
  expect(output).toContain("where: platform.yaml, backup.credentials");
  expect(output).toContain("why:   it names REST_USERNAME, REST_PASSWORD");
  expect(output).toContain("next:  add it to backup.credentials in platform.yaml first");
  expect(code).toBe(2);
});

test("the plan names platform.yaml where a credential has no value", async () => {
  const { output } = await terrace("plan");
  expect(output).toContain("error the secret REST_PASSWORD of backup has no value here (TERRACE_SECRET_MISSING)");
  expect(output).toContain("where: platform.yaml, backup.credentials");
});

test.each([[[]], [["backup"]]])("secret list %j shows the credentials", async (sites) => {
  const { code, output } = await terrace("secret", "list", ...sites);
  expect(output).toMatch(/^backup +REST_USERNAME +file .* not deployed$/m);
  expect(output).toMatch(/^backup +REST_PASSWORD +none .* not deployed$/m);
  expect(code).toBe(0);
});
