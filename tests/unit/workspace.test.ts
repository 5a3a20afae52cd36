import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatProblem } from "../../modules/core/problem.ts";
import { contentDigest, listContent, loadWorkspace } from "../../modules/workspace/index.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "workspace-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const SITE = "title: Portal\nkind: portal\ndomains: [www]\nserve: { static: site-content/www }\n";

function writeWorkspace(): void {
  write("platform.yaml", "platform: honghe\ndomain: honghe.localhost\n");
  write("site-configs/www.yaml", SITE);
  write("site-content/www/index.html", "hello");
}

test("a workspace is read from its files, as of today", async () => {
  writeWorkspace();
  const workspace = await loadWorkspace({ root });
  expect(workspace.problems).toEqual([]);
  expect(workspace.platform?.name).toBe("honghe");
  expect(workspace.sites.map(({ name }) => name)).toEqual(["www"]);
  expect(workspace.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
});

test("an environment lays its file over the platform's", async () => {
  writeWorkspace();
  write("platform.prod.yaml", "domain: honghe.gov.cn\n");
  expect((await loadWorkspace({ root, env: "prod" })).sites[0]?.domains.canonical.ascii).toBe("www.honghe.gov.cn");
});

test("an environment without a file is an error, and there is no platform", async () => {
  writeWorkspace();
  const { platform, sites, problems } = await loadWorkspace({ root, env: "prod" });
  expect(problems.map(formatProblem)).toEqual(["platform.prod.yaml:1:1 does not exist: --env prod needs it"]);
  expect({ platform, sites }).toEqual({ platform: undefined, sites: [] });
});

test("an empty folder says what a workspace needs", async () => {
  expect((await loadWorkspace({ root })).problems.map(formatProblem)).toEqual([
    "platform.yaml:1:1 does not exist: a workspace has this file at its root, with the keys platform and domain",
  ]);
});

test("folders, dead links and other names among the site files are told; hidden files are let be", async () => {
  writeWorkspace();
  write("site-configs/.www.yaml.swp", "x");
  write("site-configs/README.md", "x");
  write("site-configs/county/mengzi.yaml", SITE);
  write("site-configs/shop.yml", SITE);
  symlinkSync("nowhere", join(root, "site-configs/dead.yaml"));
  expect((await loadWorkspace({ root })).problems.map(formatProblem)).toEqual([
    "site-configs/county:1:1 is a folder: site files lie directly in site-configs",
    "site-configs/dead.yaml:1:1 is a link to nothing: remove it",
    "site-configs/shop.yml:1:1 must end in .yaml to be read",
  ]);
});

test.each([
  [{ env: "../etc" }, "TERRACE_BAD_ENV"],
  [{ asOf: "2027-02-30" }, "TERRACE_BAD_DATE"],
])("%j is refused with exit code 2", async (options, code) => {
  await expect(loadWorkspace({ root, ...options })).rejects.toMatchObject({ code, exitCode: 2 });
});

test("content is listed sorted, without hidden files but with .well-known, and with the executable bit", async () => {
  write("c/index.html", "hello");
  write("c/b/z.txt", "z");
  write("c/.well-known/security.txt", "s");
  for (const name of [".DS_Store", ".env", ".git/config", "Thumbs.db"]) write(`c/${name}`, "x");
  chmodSync(write("c/run", "x"), 0o755);
  symlinkSync("index.html", join(root, "c/home.html"));
  const files = await listContent(join(root, "c"));
  expect(files.map(({ path, executable, size }) => `${path} ${executable} ${size}`)).toEqual([
    ".well-known/security.txt false 1",
    "b/z.txt false 1",
    "home.html false 5",
    "index.html false 5",
    "run true 1",
  ]);
  expect((await listContent(join(root, "c"), { hidden: true })).map(({ path }) => path)).toContain(".env");
});

test("the digest depends on paths, bytes and the executable bit, not on place and time", async () => {
  const file = write("a/x/index.html", "hello");
  write("b/x/index.html", "hello");
  const digest = await contentDigest(join(root, "a"));
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  utimesSync(file, 1, 1);
  expect(await contentDigest(join(root, "a"))).toBe(digest);
  expect(await contentDigest(join(root, "b"))).toBe(digest);
  chmodSync(file, 0o755);
  expect(await contentDigest(join(root, "a"))).not.toBe(digest);
  chmodSync(file, 0o644);
  write("a/x/index.html", "hellO");
  expect(await contentDigest(join(root, "a"))).not.toBe(digest);
  write("b/x/y.html", "");
  expect(await contentDigest(join(root, "b"))).not.toBe(digest);
});

test("a large file is hashed as a whole", async () => {
  write("a/big", "x".repeat(9 * 2 ** 20));
  const digest = await contentDigest(join(root, "a"));
  write("a/big", `${"x".repeat(9 * 2 ** 20 - 1)}y`);
  expect(await contentDigest(join(root, "a"))).not.toBe(digest);
});

test.each([
  ["/etc/passwd", "a link leads out of the content folder"],
  ["../secret", "a link leads out of the content folder"],
  ["nowhere", "a link points at nothing"],
  ["folder", "a link points at a folder"],
])("a link to %s is refused: %s", async (target, what) => {
  write("c/folder/x", "x");
  write("secret", "x");
  symlinkSync(target, join(root, "c/link"));
  const where = join(root, "c/link");
  await expect(contentDigest(join(root, "c"))).rejects.toMatchObject({
    code: "TERRACE_BAD_CONTENT",
    message: what,
    where,
  });
});

test("a content folder that is not there is the user's error", async () => {
  await expect(contentDigest(join(root, "c"))).rejects.toMatchObject({ code: "TERRACE_NO_CONTENT" });
});
