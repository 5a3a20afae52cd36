import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format, inspect } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Secret } from "../../modules/core/secret.ts";
import { readSecrets } from "../../modules/workspace/index.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "terrace-secrets-"));
  await mkdir(join(root, "secrets", "town-hall"), { recursive: true });
  await writeFile(join(root, "secrets", "town-hall", "TOKEN"), "swordfish \r\n");
});

afterAll(() => rm(root, { recursive: true }));

test("a secret gives itself away only when asked", () => {
  const secret = new Secret("swordfish");
  const ways = [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }),
    format("%s %o %j", secret, secret, secret),
  ];
  ways.push(Object.keys(secret).join(), Object.values({ ...secret }).join(), JSON.stringify(Object.entries(secret)));
  for (const text of ways) expect(text).not.toContain("swordfish");
  expect(`${secret}`).toBe("[secret]");
  expect(secret.reveal()).toBe("swordfish");
});

test("a value comes from its file, without the line's end, or from the environment", async () => {
  expect((await readSecrets(root, "town-hall", ["TOKEN"])).TOKEN?.reveal()).toBe("swordfish ");
  vi.stubEnv("TERRACE_SECRET_TOWN_HALL_TOKEN", "opensesame");
  expect((await readSecrets(root, "town-hall", ["TOKEN"])).TOKEN?.reveal()).toBe("opensesame");
  vi.unstubAllEnvs();
});

test("a missing value tells where to put it", async () => {
  await expect(readSecrets(root, "town-hall", ["TOKEN", "KEY"])).rejects.toMatchObject({
    code: "TERRACE_SECRET_MISSING",
    message: "the secret KEY of town-hall has no value here",
    where: "site-configs/town-hall.yaml",
    next: "terrace secret set town-hall KEY; or put it into the file secrets/town-hall/KEY (git ignores it), or into the variable TERRACE_SECRET_TOWN_HALL_KEY",
  });
});
