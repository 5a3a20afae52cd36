import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copySiteFile } from "../../modules/workspace/index.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "terrace-copy-test-"));
  await mkdir(join(root, "site-configs"));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const SITE = `title: Shop # theirs
kind: portal
code: "5325000001"
domains: [shop, www.example.cn]
serve:
  image:
    image: registry.example.cn/shop:1
    volumes:
      - { name: data, path: /data, size: 1GiB, nfs: { server: "10.0.0.20", path: /exports/shop } }
      - { name: own, path: /own, size: 1GiB }
scale: { replicas: 3 }
`;

test("a copy has no part in what is its site's: names, backups, and files on NFS", async () => {
  await writeFile(join(root, "site-configs/shop.yaml"), SITE);
  expect(await copySiteFile(root, "shop", "shop-old")).toBe(true);
  expect(await readFile(join(root, "site-configs/shop-old.yaml"), "utf8")).toBe(`title: Shop (shop-old) # theirs
kind: service
domains: [ shop-old ]
serve:
  image:
    image: registry.example.cn/shop:1
    volumes:
      - { name: data, path: /data, size: 1GiB }
      - { name: own, path: /own, size: 1GiB }
scale: { replicas: 1 }
backup: none
`);
});

test("several containers stay where no files were shared, and a copy's file is written once", async () => {
  await writeFile(join(root, "site-configs/shop.yaml"), SITE.replace(/, nfs: .* } }/, " }"));
  expect(await copySiteFile(root, "shop", "shop-old")).toBe(true);
  expect(await readFile(join(root, "site-configs/shop-old.yaml"), "utf8")).toContain("scale: { replicas: 3 }");
  expect(await copySiteFile(root, "shop", "shop-old")).toBe(false);
});
