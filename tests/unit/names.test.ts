import { expect, test } from "vitest";
import {
  contentName,
  imageName,
  isBase,
  namespaceOf,
  objectName,
  sharedImageName,
  siteStack,
  stackSite,
} from "../../modules/names/index.ts";

const LONG = "a".repeat(40);

test.each([
  [["honghe", "site-finance", "web"], "honghe-site-finance_web"],
  [["honghe", "platform", "edge"], "honghe-platform_edge"],
  [["honghe", `site-${LONG}`, "web"], `honghe-site-${LONG}_web`],
  [["p".repeat(20), `site-${LONG}`, "web"], "pppppppppppppppppppp-site-aaaaaaaaaaaaaaaaaaaaaaaa-0818f3e97373"],
] as const)("the name of %j", ([platform, stack, part], name) => {
  expect(objectName(platform, stack, part)).toBe(name);
});

test("a content's hash is always the end of the name", () => {
  expect(contentName("honghe", "edge", "caddy", "3f9c0a1b2c4d")).toBe("honghe-edge_caddy-3f9c0a1b2c4d");
  const trimmed = contentName("p".repeat(20), `site-${LONG}`, "DB_PASSWORD", "3f9c0a1b2c4d");
  expect(trimmed.endsWith("-3f9c0a1b2c4d")).toBe(true);
});

test("every name fits, and two long names never meet", () => {
  const parts = ["web", "data", "DB_PASSWORD", "P".repeat(64), `${"P".repeat(63)}Q`];
  const names = ["honghe", "p".repeat(20)].flatMap((platform) =>
    ["finance", LONG, `${LONG}b`, "x".repeat(63)].flatMap((site) =>
      parts.flatMap((part) => [
        objectName(platform, siteStack(site), part),
        contentName(platform, siteStack(site), part, "3f9c0a1b2c4d"),
        contentName(platform, siteStack(site), part, "3f9c0a1b2c4e"),
      ]),
    ),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) {
    expect(name.length).toBeLessThanOrEqual(63);
    expect(name).toMatch(/^[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])$/);
  }
});

test("stacks and images", () => {
  expect(namespaceOf("honghe", "edge")).toBe("honghe-edge");
  expect(stackSite(siteStack("finance"))).toBe("finance");
  expect(stackSite("platform")).toBeUndefined();
  expect(imageName("honghe", "site-finance", "3f9c")).toBe("127.0.0.1:5325/honghe/site-finance:3f9c");
  expect(isBase(sharedImageName("base", "bookworm-1"))).toBe(true);
  expect(isBase(sharedImageName("static", "1"))).toBe(false);
  expect(isBase("debian:12")).toBe(false);
});
