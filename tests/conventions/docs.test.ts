import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, ROOT, textOf } from "../support/sources.ts";

const FENCE = /^(```|~~~).*\n[\s\S]*?^\1[^\S\n]*$/gm;
const pages = [
  ...filesBelow("", (path) => /^[^/]+\.md$/.test(path)),
  ...filesBelow("docs", (path) => path.endsWith(".md")),
];
const prose = (path: string) => textOf(path).replace(FENCE, "");
const headings = (path: string) =>
  [...prose(path).matchAll(/^(#{1,6}) +(.+?) *#*$/gm)].map((match) => ({
    level: match[1]?.length,
    text: match[2] ?? "",
  }));

/** The anchors of a page as GitHub makes them: lower case, spaces to hyphens, punctuation gone, a number where one comes twice. */
function anchors(path: string): Set<string> {
  const seen = new Map<string, number>();
  const all = new Set<string>();
  for (const { text } of headings(path)) {
    const plain = text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "").replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    all.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return all;
}

/** What is wrong with a link of a page, or `undefined`. Links to other hosts are not followed. */
function fault(page: string, link: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined;
  const [path = "", anchor] = decodeURI(link).split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path)).replace(/\/$/, "");
  if (target.startsWith("..") || !existsSync(join(ROOT, target))) return `${page}: ${link} leads nowhere`;
  if (anchor === undefined || statSync(join(ROOT, target)).isDirectory() || !target.endsWith(".md")) return undefined;
  return anchors(target).has(anchor) ? undefined : `${page}: ${link} names no heading of ${target}`;
}

test("the links between the pages lead somewhere", () => {
  const faults = pages.flatMap((page) => {
    const text = prose(page).replace(/`[^`\n]*`/g, "");
    const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map((match) => match[1] ?? "");
    const named = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map((match) => match[1] ?? "");
    return [...inline, ...named].flatMap((link) => fault(page, link) ?? []);
  });
  expect(faults).toEqual([]);
});

test("the two READMEs have the same headings and code blocks", () => {
  const outline = (path: string) => ({
    headings: headings(path).map(({ level }) => level),
    blocks: (textOf(path).match(FENCE) ?? []).map((block) => block.split("\n")[0]),
  });
  const [english, chinese] = ["README.md", "README.zh-CN.md"].map((path) =>
    existsSync(join(ROOT, path)) ? outline(path) : undefined,
  );
  expect(chinese).toEqual(english);
});
