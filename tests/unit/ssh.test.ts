import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Connection } from "../../modules/ssh/index.ts";

const path = process.env.PATH ?? "";
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "terrace-ssh-test-"));
});

afterEach(async () => {
  process.env.PATH = path;
  await rm(folder, { recursive: true, force: true });
});

test("why a login failed is told, also where the client's words come after its end", async () => {
  // As it happens on a busy machine: its end is seen before what it wrote is read.
  const client = "#!/bin/sh\n(sleep 0.3; echo 'root@10.0.0.2: Permission denied (publickey).' >&2) &\nexit 255\n";
  await writeFile(join(folder, "ssh"), client);
  await chmod(join(folder, "ssh"), 0o755);
  process.env.PATH = `${folder}${delimiter}${path}`;
  const ssh = { user: "root", port: 22, key: undefined };
  const login = Connection.open({ name: "n1", address: "10.0.0.2", ssh }, { root: folder });
  await expect(login).rejects.toMatchObject({ code: "TERRACE_SSH_DENIED" });
});
