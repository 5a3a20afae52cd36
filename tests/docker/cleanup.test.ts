import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { removeOldImages } from "../../modules/docker/cleanup.ts";
import { connect } from "../../modules/docker/client.ts";
import { call, converge, destroyObject, get, type RawService } from "../../modules/docker/index.ts";
import { platformImages } from "../../stacks/images.ts";
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

test("a site's current image stays when old ones go, also where it is the oldest, or one image with an old one", async () => {
  const platform = uniquePlatform();
  const repository = `127.0.0.1:5325/${platform}/site-a`;
  const tags = async () =>
    (await docker.listImages())
      .flatMap(({ RepoTags }) => RepoTags ?? [])
      .filter((tag) => tag.startsWith(repository))
      .map((tag) => tag.slice(repository.length + 1))
      .sort();
  try {
    for (const tag of ["1", "2", "3", "4", "5"]) {
      const empty = Readable.from([Buffer.alloc(10_240)]);
      await new Promise((resolve) =>
        docker
          .importImage(empty, { repo: repository, tag })
          .then((stream) => docker.modem.followProgress(stream, resolve)),
      );
      // Docker tells when an image was made in whole seconds.
      await sleep(1000);
    }
    // A file that was put back: its site runs the first image again, which has the name of another try as well.
    await docker.getImage(`${repository}:1`).tag({ repo: repository, tag: "1-again" });
    const old = [{ repository, current: `${repository}:1-again` }];
    await removeOldImages(docker, old);
    expect(await tags()).toEqual(["1-again", "4", "5"]);
    await removeOldImages(docker, old);
    expect(await tags()).toEqual(["1-again", "4", "5"]);
    await removeOldImages(docker, [{ repository, current: `${repository}:5` }]);
    expect(await tags()).toEqual(["1-again", "4", "5"]);
  } finally {
    await removePlatform(docker, platform);
  }
});

test("a service that was just scaled down is removed, and one that is gone already is fine", async () => {
  const platform = uniquePlatform();
  const { static: served } = await platformImages({});
  const spec = (Replicas: number) => ({
    Name: `${platform}-scaled`,
    TaskTemplate: { ContainerSpec: { Image: served.reference, Command: ["sleep", "1000"], Init: true } },
    Mode: { Replicated: { Replicas } },
  });
  const { ID } = await call<{ ID: string }>(docker, "POST", "/services/create", {}, spec(3));
  const doomed = { kind: "service", name: spec(0).Name, id: ID } as const;
  const signal = AbortSignal.timeout(60_000);
  try {
    expect(await converge(docker, ID, 60_000, signal)).toBeUndefined();
    const { Version } = await get<RawService>(docker, `/services/${ID}`);
    await call(docker, "POST", `/services/${ID}/update`, { version: Version.Index }, spec(0));
  } finally {
    await destroyObject(docker, doomed, signal);
  }
  expect(await kindsLeft(platform)).toEqual([]);
  await destroyObject(docker, doomed, signal);
});
