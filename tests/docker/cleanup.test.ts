import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { connect } from "../../modules/docker/client.ts";
import { removeAbandoned, removePlatform } from "../support/cleanup.ts";
import { maker, testPlatformOf, uniquePlatform } from "../support/names.ts";

const docker = await connect();

/** One object of each kind, named as a platform's are. */
async function furnish(platform: string): Promise<void> {
  const name = `${platform}-site-a_x`;
  const network = await docker.createNetwork({ Name: name, Driver: "overlay" });
  await docker.createVolume({ Name: name });
  const secret = await docker.createSecret({ Name: name, Labels: {}, Data: Buffer.from("x").toString("base64") });
  await docker.createConfig({ Name: name, Labels: {}, Data: Buffer.from("x").toString("base64") });
  const file = { Name: "x", UID: "0", GID: "0", Mode: 0o400 };
  await docker.createService({
    Name: name,
    TaskTemplate: {
      ContainerSpec: { Image: "none", Secrets: [{ SecretID: secret.id, SecretName: name, File: file }] },
      Networks: [{ Target: network.id }],
    },
    Mode: { Replicated: { Replicas: 0 } },
    EndpointSpec: { Mode: "dnsrr" },
  });
}

async function kindsLeft(platform: string): Promise<string[]> {
  const lists: [string, (string | undefined)[]][] = [
    ["service", (await docker.listServices()).map((one) => one.Spec?.Name)],
    ["secret", (await docker.listSecrets()).map((one) => one.Spec?.Name)],
    ["config", (await docker.listConfigs()).map((one) => one.Spec?.Name)],
    ["network", (await docker.listNetworks()).map((one) => one.Name)],
    ["volume", ((await docker.listVolumes()).Volumes ?? []).map((one) => one.Name)],
  ];
  return lists.flatMap(([kind, names]) => (names.some((name) => name?.startsWith(`${platform}-`)) ? [kind] : []));
}

test("what a crashed run left is removed; what a living one uses is not, until it is told so", async () => {
  const gone = spawnSync("true").pid;
  const abandoned = `tt-${gone.toString(36)}-0c0ffe`;
  const living = uniquePlatform();
  await furnish(abandoned);
  await furnish(living);
  await removeAbandoned(docker);
  expect(await kindsLeft(abandoned)).toEqual([]);
  expect(await kindsLeft(living)).toEqual(["service", "secret", "config", "network", "volume"]);
  await removePlatform(docker, living);
  expect(await kindsLeft(living)).toEqual([]);
});

test("nothing but a test's platform is ever removed", async () => {
  await expect(removePlatform(docker, "honghe")).rejects.toThrow("honghe is no test's platform");
  expect(maker(uniquePlatform())).toBe(process.pid);
  const names = [
    "tt-4fk-09c1ab",
    "tt-4fk-09c1ab-edge_caddy",
    "127.0.0.1:5325/tt-4fk-09c1ab/site-a:1",
    "terrace/static:1",
    "att-4fk-09c1ab",
    "tt-4fk-09c1abc-x",
  ];
  expect(names.map(testPlatformOf)).toEqual([
    "tt-4fk-09c1ab",
    "tt-4fk-09c1ab",
    "tt-4fk-09c1ab",
    undefined,
    undefined,
    undefined,
  ]);
});
