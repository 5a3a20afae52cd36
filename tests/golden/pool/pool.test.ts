import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readConfig } from "../../../modules/config/index.ts";
import { synthesizePool } from "../../../stacks/pool/app.ts";
import { type Documented, LIBVIRT_PROVIDER, LIBVIRT_RESOURCES, META, type Type } from "../../support/libvirt-arguments.ts";

/*
 * A golden file is what stands under `pool:`, a line of dashes, and the Terraform JSON that must come of it, without CDK's remarks.
 * `UPDATE=1` rewrites what is expected.
 */
const FOLDER = new URL("./", import.meta.url);
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample pool";
const cases = readdirSync(FOLDER).filter((name) => name.endsWith(".golden"));

type Tree = Record<string, unknown>;

function synthesized(typed: string): Tree {
  const text = `platform: honghe\ndomain: honghe.localhost\n${typed}`;
  const files = { platform: { path: "platform.yaml", bytes: Buffer.from(text) }, overlays: [], sites: [] };
  const { platform, problems } = readConfig(files, { kindOf: () => "file", date: "2026-10-01" });
  expect(problems.filter(({ rule }) => rule !== "one-portal")).toEqual([]);
  if (platform === undefined) throw new Error("no platform");
  const outdir = mkdtempSync(join(tmpdir(), "terrace-pool-"));
  try {
    const folder = synthesizePool(
      { platform: "honghe", pool: platform.pool, publicKeys: new Map([["pool", KEY]]), stateFile: "/state" },
      outdir,
    );
    return JSON.parse(readFileSync(join(folder, "cdk.tf.json"), "utf8")) as Tree;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function parts(name: string): { typed: string; expected: string } {
  const [typed = "", expected = ""] = readFileSync(new URL(name, FOLDER), "utf8").split("---\n");
  return { typed, expected };
}

function withoutRemarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRemarks);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([key]) => key !== "//");
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutRemarks(inner)]));
}

test.each(cases)("%s", (name) => {
  const { typed, expected } = parts(name);
  const text = `${JSON.stringify(withoutRemarks(synthesized(typed)), null, 1)}\n`;
  if (process.env.UPDATE === "1") writeFileSync(new URL(name, FOLDER), `${typed}---\n${text}`);
  else expect(text).toBe(expected);
});

/** What the provider would refuse: names that it does not know, values of another type. */
function faults(value: unknown, type: Type, path: string): string[] {
  if (type === "strings") {
    return Array.isArray(value) && value.every((each) => typeof each === "string") ? [] : [`${path}: no list of texts`];
  }
  if (typeof type === "string") return typeof value === type ? [] : [`${path}: no ${type}`];
  const blocks = (Array.isArray(value) ? value : [value]) as Tree[];
  return blocks.flatMap((block) => unknown(block, type, path));
}

function unknown(block: Tree, known: Record<string, Type>, path: string): string[] {
  return Object.entries(block).flatMap(([key, value]) => {
    const type = known[key];
    return type === undefined ? [`${path}.${key}: not documented`] : faults(value, type, `${path}.${key}`);
  });
}

function documented(args: Tree, { arguments: known, required }: Documented, path: string): string[] {
  const own = Object.fromEntries(Object.entries(args).filter(([key]) => !META.includes(key)));
  const missing = required.filter((key) => own[key] === undefined).map((key) => `${path}.${key}: missing`);
  return [...missing, ...unknown(own, known, path)];
}

test.each(cases)("%s uses only arguments that the provider documents, each of its type", (name) => {
  const { resource, provider } = synthesized(parts(name).typed) as {
    resource: Record<string, Record<string, Tree>>;
    provider: { libvirt: Tree[] };
  };
  const found = Object.entries(resource).flatMap(([type, all]) => {
    const rules = LIBVIRT_RESOURCES[type];
    if (rules === undefined) return [`${type}: not documented`];
    return Object.entries(all).flatMap(([id, args]) => documented(args, rules, `${type}.${id}`));
  });
  for (const { alias, ...args } of provider.libvirt) found.push(...documented(args, LIBVIRT_PROVIDER, `host ${alias}`));
  expect(found).toEqual([]);
  expect(Object.keys(resource.libvirt_domain ?? {}).length).toBeGreaterThan(0);
});

test("an argument that is not the provider's is found", () => {
  const volume = LIBVIRT_RESOURCES.libvirt_volume as Documented;
  expect(documented({ name: "a", capacity: 1, size: "1" }, volume, "volume")).toEqual([
    "volume.capacity: not documented",
    "volume.size: no number",
  ]);
  expect(documented({ xml: [{ xsl: "a" }] }, volume, "volume")).toEqual([
    "volume.name: missing",
    "volume.xml.xsl: not documented",
  ]);
});

test("every reference leads to a resource that is declared", () => {
  for (const name of cases) {
    const tree = synthesized(parts(name).typed) as { resource: Record<string, Tree> };
    const references = [...JSON.stringify(tree).matchAll(/\$\{(libvirt_\w+)\.([\w-]+)[.[]/g)];
    expect(references.length).toBeGreaterThan(0);
    for (const [, type = "", id = ""] of references) expect(tree.resource[type]).toHaveProperty([id]);
  }
});

test("the user data is a cloud-init document with the key, and Docker set up before it is installed", () => {
  const tree = synthesized(parts("one-host.golden").typed) as { resource: Record<string, Record<string, Tree>> };
  const seed = tree.resource.libvirt_cloudinit_disk?.["seed-m-1"];
  const text = String(seed?.user_data);
  expect(text.startsWith("#cloud-config\n")).toBe(true);
  const document = parse(text) as { users: Tree[]; write_files: Tree[]; packages: string[]; hostname: string };
  expect(document.hostname).toBe("m-1");
  expect(document.users).toEqual([{ name: "root", lock_passwd: true, ssh_authorized_keys: [KEY] }]);
  expect(document.packages).toContain("docker.io");
  expect(JSON.parse(String(document.write_files[0]?.content))).toEqual({
    "default-address-pools": [{ base: "172.17.0.0/16", size: 24 }],
    "log-driver": "json-file",
    "log-opts": { "max-file": "3", "max-size": "10m" },
  });
});
