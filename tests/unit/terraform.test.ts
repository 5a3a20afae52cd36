import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Pool, pool } from "../../modules/pool/index.ts";
import { findTerraform } from "../../modules/terraform/index.ts";
import { readAddresses } from "../../modules/workspace/index.ts";
import { planServers } from "../../stacks/pool/servers.ts";
import { TerraformStandIn } from "../support/terraform-stand-in.ts";

let root: string;
let standIn: TerraformStandIn;
const before = { ...process.env };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "terrace-terraform-"));
  standIn = await TerraformStandIn.create(join(root, "bin"));
  process.env.PATH = `${standIn.folder}:${before.PATH}`;
  process.env.STANDIN = standIn.folder;
  delete process.env.TERRACE_TERRAFORM;
  await mkdir(join(root, "secrets", "ssh"), { recursive: true });
  await writeFile(join(root, "secrets", "ssh", "pool"), "private\n");
  await writeFile(join(root, "secrets", "ssh", "pool.pub"), "ssh-ed25519 AAAAC3Nz pool\n");
});

afterEach(async () => {
  process.env = { ...before };
  await rm(root, { recursive: true, force: true });
});

function wanted(): Pool {
  const typed = {
    driver: "libvirt" as const,
    ssh: { key: "pool" },
    nodes: [{ name: "n1", roles: ["manager" as const, "edge" as const] }, { name: "n2" }],
    libvirt: { hosts: [{ name: "kvm1", uri: "qemu:///system" }], image: "/srv/debian.qcow2" },
  };
  return pool.resolve(typed, { name: "honghe", domain: "honghe.localhost", typed: {} });
}

const said: string[] = [];
const request = () => ({ root, platform: "honghe", pool: wanted(), report: (line: string) => void said.push(line) });

test("a setting comes first, then tofu, then terraform; where there is none, the message says what to do", async () => {
  const other = await TerraformStandIn.create(join(root, "other"), "terraform");
  const path = (...folders: string[]) => ({ PATH: folders.join(":") });
  expect(await findTerraform(path(other.folder, standIn.folder))).toBe(join(standIn.folder, "tofu"));
  expect(await findTerraform(path(other.folder))).toBe(join(other.folder, "terraform"));
  const set = { ...path(standIn.folder), TERRACE_TERRAFORM: join(other.folder, "terraform") };
  expect(await findTerraform(set)).toBe(join(other.folder, "terraform"));
  await expect(findTerraform(path("/nowhere"))).rejects.toMatchObject({
    code: "TERRACE_TERRAFORM_MISSING",
    message: "virtual servers are made by OpenTofu or Terraform, and there is none",
    why: "neither tofu nor terraform is on PATH",
    next: "install OpenTofu (https://opentofu.org/docs/intro/install) or Terraform 1.5 or newer, or set TERRACE_TERRAFORM to its path; for servers that exist already use pool.driver: ssh",
  });
  await expect(findTerraform({ ...path(standIn.folder), TERRACE_TERRAFORM: "/no/tofu" })).rejects.toMatchObject({
    why: "/no/tofu is no program",
  });
});

test("a plan synthesizes, initialises and plans, and applies nothing", async () => {
  await standIn.answer(
    [
      { address: "libvirt_domain.node-n1", actions: ["create"] },
      { address: "libvirt_volume.base-kvm1", actions: ["no-op"] },
      { address: "libvirt_domain.node-n9", actions: ["delete"] },
      { address: "libvirt_domain.node-n2", actions: ["delete", "create"] },
    ],
    {},
  );
  const plan = await planServers(request());
  expect(plan.changes.map(({ address }) => address)).toEqual([
    "libvirt_domain.node-n1",
    "libvirt_domain.node-n9",
    "libvirt_domain.node-n2",
  ]);
  expect([plan.created, plan.deleted]).toEqual([
    ["n1", "n2"],
    ["n9", "n2"],
  ]);
  expect(await standIn.calls()).toEqual([
    "pool init -input=false -no-color",
    "pool plan -input=false -no-color -out=terrace.tfplan",
    "pool show -json terrace.tfplan",
  ]);
  await expect(access(join(root, "pool", "honghe.json"))).rejects.toThrow();
  const written = await readFile(join(root, ".terrace/pool/honghe/stacks/pool/cdk.tf.json"), "utf8");
  expect(written).toContain("ssh-ed25519 AAAAC3Nz pool");
  expect(written).not.toContain("private");
  expect(JSON.parse(written)).toMatchObject({
    terraform: { backend: { local: { path: join(root, "pool", "honghe.tfstate") } } },
  });
});

test("what was planned is applied, and the addresses are kept", async () => {
  await standIn.answer([{ address: "libvirt_domain.node-n1", actions: ["create"] }], {
    n1: "10.90.0.5",
    n2: "10.90.0.6",
  });
  const plan = await planServers(request());
  expect(await plan.apply()).toEqual({ n1: "10.90.0.5", n2: "10.90.0.6" });
  expect((await standIn.calls()).slice(3)).toEqual([
    "pool apply -input=false -no-color terrace.tfplan",
    "pool output -json addresses",
  ]);
  expect(await readAddresses(root, "honghe")).toEqual({ n1: "10.90.0.5", n2: "10.90.0.6" });
});

test("where nothing changes nothing is applied, but the addresses are read", async () => {
  await standIn.answer([], { n1: "10.90.0.5" });
  const plan = await planServers(request());
  await plan.apply();
  expect((await standIn.calls()).map((line) => line.split(" ")[1])).toEqual(["init", "plan", "show", "output"]);
});

test("a failure is told in the program's own words", async () => {
  await standIn.fail("plan", "Error: can't connect to qemu+ssh://root@kvm1/system");
  await expect(planServers(request())).rejects.toMatchObject({
    code: "TERRACE_TERRAFORM",
    message: "tofu plan failed",
    why: expect.stringContaining("Error: can't connect to qemu+ssh://root@kvm1/system"),
  });
});

test("an answer that is no JSON is told as such", async () => {
  await standIn.answer([], {});
  await writeFile(join(standIn.folder, "plan.json"), "oops");
  await expect(planServers(request())).rejects.toMatchObject({
    code: "TERRACE_TERRAFORM",
    message: "tofu answered with what cannot be read",
  });
});

test("a key without its public half is refused with the command that makes it", async () => {
  await rm(join(root, "secrets", "ssh", "pool.pub"));
  const path = join(root, "secrets", "ssh", "pool");
  await expect(planServers(request())).rejects.toMatchObject({
    code: "TERRACE_POOL_KEY",
    message: "there is no public key beside the private key pool",
    next: `ssh-keygen -y -f ${path} > ${path}.pub`,
  });
  expect(await standIn.calls()).toEqual([]);
});

test("an interrupt is passed on and ends the run", async () => {
  const abort = new AbortController();
  const plan = await planServers({ ...request(), signal: abort.signal });
  abort.abort(new Error("stopped"));
  await expect(plan.apply()).rejects.toThrow("stopped");
});
