import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildImage, CONTENT, connect } from "../../modules/docker/index.ts";
import { contentDigest } from "../../modules/workspace/index.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
let folder: string;
const hostBefore = process.env.DOCKER_HOST;

beforeEach(async () => {
  api = await new EngineApi().listen();
  process.env.DOCKER_HOST = api.host;
  folder = await mkdtemp(join(tmpdir(), "terrace-build-test-"));
  await writeFile(join(folder, "Dockerfile"), "FROM scratch\n");
  await writeFile(join(folder, "index.html"), "first");
});

afterEach(async () => {
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

test("files that changed since an image was named are not built under that name", async () => {
  const docker = await connect();
  const args = { [CONTENT]: await contentDigest(folder, { hidden: true }) };
  await buildImage(docker, "127.0.0.1:5325/honghe/site-www:1", { context: folder, args });
  expect(api.writes.map(({ path }) => path)).toEqual(["/build"]);
  await writeFile(join(folder, "index.html"), "other");
  await expect(buildImage(docker, "127.0.0.1:5325/honghe/site-www:1", { context: folder, args })).rejects.toMatchObject(
    { code: "TERRACE_BAD_CONTENT", message: "a file changed while it was read", where: folder },
  );
  expect(api.writes).toHaveLength(1);
});
