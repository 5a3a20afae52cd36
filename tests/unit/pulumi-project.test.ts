import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { runAsPulumi } from "../support/pulumi-engine.ts";
import { ROOT } from "../support/sources.ts";

const TYPES: Record<string, [stack: string, types: string[]]> = {
  platform: [
    "platform",
    [
      "docker:index/image:Image",
      "docker:index/network:Network",
      "docker:index/remoteImage:RemoteImage",
      "docker:index/secret:Secret",
    ],
  ],
  edge: ["edge", ["docker:index/service:Service", "docker:index/serviceConfig:ServiceConfig"]],
  site: ["site-finance", ["docker:index/image:Image", "docker:index/service:Service"]],
};

test.each(Object.entries(TYPES))(
  "the Pulumi SDK's own runner runs stacks/%s",
  { timeout: 60_000 },
  async (folder, [stack, types]) => {
    const { code, output, registered } = await runAsPulumi(folder, stack);
    expect(output).toBe("");
    expect(code).toBe(0);
    expect([...new Set(registered.map(({ type }) => type))].sort()).toEqual(types);
  },
);

test("the site's service is the one that the embedded engine makes", { timeout: 60_000 }, async () => {
  const { registered } = await runAsPulumi("site", "site-finance");
  const service = registered.find(({ name }) => name === "web");
  const { platform } = parse(readFileSync(join(ROOT, "platform.yaml"), "utf8"));
  expect(service?.inputs.name).toBe(`${platform}-site-finance_web`);
});

test("a stack that is no site's is refused with the sites' names", { timeout: 60_000 }, async () => {
  const { code, output } = await runAsPulumi("site", "site-nowhere");
  expect(code).not.toBe(0);
  expect(output).toContain("the stack site-nowhere is no site's");
});

test.each(["platform", "edge", "site"])("stacks/%s is a Pulumi project that needs no compiler of its own", (folder) => {
  const project = parse(readFileSync(join(ROOT, "stacks", folder, "Pulumi.yaml"), "utf8"));
  expect(project.runtime).toEqual({ name: "nodejs", options: { typescript: false, nodeargs: "--import tsx" } });
  expect(project.main).toBe("index.ts");
});
