import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { quickYaml } from "../../modules/config/quick.ts";
import { parseYaml } from "../../modules/config/yaml.ts";

const PLAIN = `# yaml-language-server: $schema=../docs/schema/site.schema.json
title: Finance Bureau  # shown in tabs
kind: department
code: "5325000012"
owners: [finance-web, 'second team']
domains: [finance, czj.example.gov.cn, 财政局.政务]
serve:
  image:
    build: apps/finance
    port: 3000
    command:
    - node
    - server.js
    env: { LANG: zh_CN.UTF-8, EMPTY: "" }
    volumes:
      - name: data
        path: /data
        size: 1GiB
      - { name: more, path: /more, size: 1GiB }
    health: { path: /healthz, interval: 10s }
    user: 33:33
scale: { replicas: 2, cpu: 0.25, memory: 64MiB }

redirects:
  - { from: /old/*, to: /new/:splat, status: 301 }
  - from: /a
    to: https://www.honghe.gov.cn/a?b=1
headers: {}
backup: { schedule: "30 1 * * *" }
retire: { redirect: 2027-01-05, to: https://www.honghe.gov.cn/finance }
`;

const folder = new URL("../golden/config/", import.meta.url);
const corpus = [PLAIN.replace("?b=1", ""), PLAIN];
for (const name of readdirSync(folder)) {
  const parts = readFileSync(new URL(name, folder), "utf8").split(/^(?:---|===) .*\n/m);
  corpus.push(...parts.filter((part) => part.length < 2000));
}

/** Where the quick reader gives a value, the full parser gives the same. */
function agree(text: string): boolean {
  const quick = quickYaml(text);
  if (quick === undefined) return false;
  const full = parseYaml(text, "x.yaml");
  expect({ text, value: quick }).toEqual({ text, value: full.value });
  return true;
}

test("a site file written plainly needs no other parser", () => {
  expect(agree(PLAIN.replace("?b=1", ""))).toBe(true);
});

test("the two parsers agree on every golden file", () => {
  expect(corpus.filter(agree).length).toBeGreaterThan(50);
});

test("the two parsers agree on every scalar", () => {
  const scalars =
    "1 0 01 1.0 1. .5 1e3 1E+3 0x1F 0o7 -1 +1 0.1234567 12345678901234567890 64MiB 1_000 1:2 true True TRUE yes on off null Null ~ .inf .nan 2027-01-05 a:b a: :a -a --- ... /a a#b a* *a &a !a %a @a `a |a >a ?a a? a,b a]b {a} [a] '' \"\" 'a''b' \"a\\nb\" 'a\"b' \"a'b\" 。a a。 ａ １ ¼ a~ a=b <<";
  for (const scalar of scalars.split(" ")) {
    for (const form of [
      "k: X\n",
      "k: [X]\n",
      "k: [a, X, b]\n",
      "k: { a: X }\n",
      "k:\n  - X\n",
      "X: 1\n",
      "k: { X: 1 }\n",
      "k: a X\n",
      "k: X # c\n",
    ]) {
      agree(form.replaceAll("X", scalar));
    }
  }
});

test("the two parsers agree on files with slips in them", () => {
  const bits = [
    "\n",
    " ",
    "  ",
    ": ",
    ":",
    ",",
    "- ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "#",
    " #",
    "&a",
    "*",
    "\t",
    "~",
    "0",
    "- - ",
    "? ",
    "|",
    "\n\n",
    "null",
    "a",
  ];
  let seed = 42;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let compared = 0;
  for (let round = 0; round < 20_000; round += 1) {
    let text = corpus[random(corpus.length)] ?? "";
    for (let slips = random(3) + 1; slips > 0; slips -= 1) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + (random(3) === 0 ? "" : bits[random(bits.length)]) + text.slice(at + random(4));
    }
    if (agree(text)) compared += 1;
  }
  expect(compared).toBeGreaterThan(500);
}, 60_000);
