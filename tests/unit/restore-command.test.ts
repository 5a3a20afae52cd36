import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copySiteFile } from "../../modules/workspace/index.ts";
import { readKey } from "../../scripts/backup/key-file.ts";
import { restore } from "../../scripts/restore.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "terrace-restore-"));
});

afterAll(() => rm(folder, { recursive: true }));

const asked = (names: string[], options: Record<string, string | boolean>) => {
  const input = { arguments: names, options };
  return Promise.resolve(restore.run?.(input)).then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );
};

test("what does not go together is refused before anything is read", async () => {
  const cases: [string[], Record<string, string | boolean>, string][] = [
    [[], {}, "name a site, or give --all"],
    [["gejiu"], { all: true }, "--all does not go with gejiu"],
    [[], { all: true, volume: "data" }, "--all does not go with --volume"],
    [[], { all: true, as: "other" }, "--all does not go with --as"],
    [[], { all: true, database: true }, "--all does not go with --database"],
    [[], { all: true, list: true }, "--all does not go with --list"],
    [[], { all: true, identity: "key.txt" }, "--identity needs --key"],
    [[], { all: true, key: join(folder, "nowhere.age") }, `${join(folder, "nowhere.age")} cannot be read`],
    [[], { all: true, files: "out" }, "--all does not go with --files"],
    [["gejiu"], { files: "out", as: "old" }, "--files does not go with --as"],
    [["gejiu"], { files: "out", list: true }, "--files does not go with --list"],
    [["gejiu"], { files: folder }, `--files takes a folder that is new or empty; ${folder} has something in it`],
    [["gejiu"], { key: "backup-key.age" }, "--key belongs to --all"],
    [["gejiu"], { identity: "key.txt" }, "--identity belongs to --all"],
    [["gejiu"], { as: "gejiu" }, "--as takes another name than the site's own"],
    [["gejiu"], { as: "Gejiu 2" }, "--as takes a name of lower-case letters, digits and hyphens, got Gejiu 2"],
    [["gejiu"], { as: "old", path: "/a" }, "--as does not go with --path"],
    [["gejiu"], { as: "old", database: true }, "--as does not go with --database"],
    [["gejiu"], { list: true, at: "2026-11-20" }, "--list does not go with --at: it restores nothing"],
    [["gejiu"], { list: true, volume: "data" }, "--list does not go with --volume: it restores nothing"],
    [["gejiu"], { list: true, path: "/a" }, "--list does not go with --path: it restores nothing"],
    [["gejiu"], { list: true, database: true }, "--list does not go with --database: it restores nothing"],
    [["gejiu"], { database: true, path: "/a" }, "--database does not go with --path"],
  ];
  await writeFile(join(folder, "something"), "");
  const got = await Promise.all(cases.map(([names, options]) => asked(names, options)));
  expect(got).toEqual(cases.map(([, , message]) => message));
});

test("a key that is sealed, or a file without one, is refused before the cluster is touched", async () => {
  const at = (name: string) => join(folder, name);
  await writeFile(at("sealed.age"), "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n");
  await writeFile(at("none.txt"), "\n");
  await writeFile(at("plain.txt"), "the-password\n");
  await writeFile(at("key.txt"), "# no key in it\n");
  const refused = (file: string, identity?: string) => readKey(at(file), identity).catch((error) => error);
  expect(await refused("sealed.age")).toMatchObject({
    code: "TERRACE_BACKUP_KEY",
    why: expect.stringMatching(/sealed/),
  });
  expect(await refused("sealed.age", at("key.txt"))).toMatchObject({ code: "TERRACE_BACKUP_KEY" });
  expect(await refused("none.txt")).toMatchObject({ why: "it is empty" });
  await writeFile(at("identity.txt"), "# created: 2026-11-20\n# public key: age1x\nAGE-SECRET-KEY-1X\n");
  expect(await refused("identity.txt")).toMatchObject({ why: expect.stringMatching(/private key of age/) });
  await writeFile(at("binary.age"), "age-encryption.org/v1\n-> X25519 x\n");
  expect(await refused("binary.age")).toMatchObject({ why: expect.stringMatching(/sealed/) });
  await writeFile(at("lines.txt"), "one\ntwo\n");
  expect(await refused("lines.txt")).toMatchObject({ why: "a password is one line" });
  expect((await readKey(at("plain.txt"), undefined)).reveal()).toBe("the-password");
});

test("the file of a copy is the site's own, but for what only one can have", async () => {
  await mkdir(join(folder, "site-configs"));
  const file = `# the portal
title: Honghe   # as people read it
kind: portal
code: "5325000012"
domains: [www, honghe.gov.cn]
serve: { image: { build: portal, volumes: [{ name: data, path: /data, size: 1GiB }] } }
backup: { schedule: "30 1 * * *" }
retire: { redirect: 2027-01-05, to: "https://www.honghe.gov.cn" }
`;
  await writeFile(join(folder, "site-configs/www.yaml"), file);
  expect(await copySiteFile(folder, "www", "www-old")).toBe(true);
  const copy = join(folder, "site-configs/www-old.yaml");
  expect(await readFile(copy, "utf8")).toBe(`# the portal
title: Honghe (www-old) # as people read it
kind: service
domains: [ www-old ]
serve: { image: { build: portal, volumes: [ { name: data, path: /data, size: 1GiB } ] } }
backup: none
`);
  expect(await readFile(join(folder, "site-configs/www.yaml"), "utf8")).toBe(file);
  // One that somebody wrote is theirs.
  await writeFile(copy, "title: Mine\n");
  expect(await copySiteFile(folder, "www", "www-old")).toBe(false);
  expect(await readFile(copy, "utf8")).toBe("title: Mine\n");
});
