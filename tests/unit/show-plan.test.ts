import { expect, test } from "vitest";
import { TerraceError } from "../../modules/core/errors.ts";
import type { Change } from "../../modules/engine/index.ts";
import { planMarkdown } from "../../scripts/cli/markdown.ts";
import { planJson, summary } from "../../scripts/cli/show-plan.ts";
import type { Plan } from "../../stacks/model.ts";

interface Parts {
  changes?: Partial<Change>[];
  fault?: TerraceError;
  warnings?: string[];
}

/** A plan of two sites, of which the second is a good one without changes. */
function plan({ changes = [], fault, warnings = [] }: Parts): Plan {
  const made = changes.map((change) => ({ stack: "site-shop", kind: "service", properties: [], ...change }));
  const sites = [
    { site: { name: "shop" }, changes: made, fault },
    { site: { name: "www" }, changes: [], fault: undefined },
  ];
  const empty = { base: [], extras: [], edgeChanges: [], leftovers: [], volumes: [], routes: [] };
  return { platform: { name: "honghe" }, sites, warnings, ...empty } as unknown as Plan;
}

const FAULT = new TerraceError("TERRACE_IMAGE_MISSING", "the image a:1 is not there");
const create = (properties: Change["properties"]): Partial<Change> => ({
  action: "create",
  name: "web",
  reason: "config",
  drifted: false,
  restarts: false,
  properties,
});
const update = (more: Partial<Change>): Partial<Change> => ({
  action: "update",
  name: "web",
  reason: "config",
  drifted: false,
  restarts: false,
  ...more,
});

test("nothing to do and nothing to say", () => {
  expect(planMarkdown(plan({}))).toBe("### Terrace: no changes for honghe\n");
  expect(summary(plan({}))).toBe("No changes: the cluster is as the files say.");
});

test("a site that cannot be planned is told, with all warnings, also where nothing changes", () => {
  const faulty = plan({ fault: FAULT, warnings: ["a certificate ends soon"] });
  expect(planMarkdown(faulty)).toBe(`### Terrace: 1 site cannot be planned for honghe

Cannot be planned, and left as they are:

\`\`\`text
shop: the image a:1 is not there (TERRACE_IMAGE_MISSING)
\`\`\`

Warnings:

\`\`\`text
a certificate ends soon
\`\`\`
`);
  expect(summary(faulty)).toBe("No changes where a plan could be made; 1 site cannot be planned.");
  expect(planJson(faulty)).toMatchObject({ faults: [{ site: "shop", code: "TERRACE_IMAGE_MISSING" }] });
  expect(planMarkdown(plan({ warnings: ["old"] }))).toContain("nothing to change, but warnings for honghe\n");
});

test("changes and faults are told beside each other", () => {
  const both = plan({ fault: FAULT, changes: [update({ action: "delete", reason: "unwanted" })] });
  expect(planMarkdown(both)).toContain(
    "### Terrace: 0 to create, 0 to update, 1 to delete; 1 site cannot be planned for honghe",
  );
  expect(summary(both)).toBe("Plan: 0 to create, 0 to update, 1 to delete; 1 site cannot be planned.");
});

test("of a new object is shown what a person decides about", () => {
  const text = planMarkdown(
    plan({
      changes: [
        create([
          { path: "Image", after: "a:1" },
          { path: "Mode.Replicated.Replicas", after: 2 },
          { path: "UpdateConfig.Order", after: "start-first" },
        ]),
      ],
    }),
  );
  expect(text).toContain("+ create service web\n    Image: a:1\n    Mode.Replicated.Replicas: 2\n```");
});

test.each([
  [create([]), { reason: "drift", drifted: true }, " (removed by hand, will be put back)"],
  [update({}), { reason: "drift", drifted: true }, " (changed by hand, will be put back)"],
  [update({}), { drifted: true }, " (was changed by hand too)"],
  [update({}), { restarts: true }, " (restarts, old before new: no answer for a few seconds)"],
  [
    update({}),
    { drifted: true, restarts: true, desired: { spec: { UpdateConfig: { Order: "start-first" } } } },
    " (was changed by hand too; replaces tasks, new before old)",
  ],
  [update({}), {}, ""],
])("what is remarked: %#", (change, more, remark) => {
  const text = planMarkdown(plan({ changes: [{ ...change, ...(more as Partial<Change>) }] }));
  expect(text).toMatch(/^[+~] (create|update) service web.*$/m);
  expect(/ service web(.*)$/m.exec(text)?.[1]).toBe(remark);
});

test("neither a value nor the text of a fault or a warning closes the block that it stands in", () => {
  const evil = "a\r\n```\n</details> <b>";
  const text = planMarkdown(
    plan({
      changes: [update({ properties: [{ path: "Env.NOTE", before: evil, after: undefined }] })],
      fault: new TerraceError("TERRACE_SITE_FAILED", evil),
      warnings: [evil, "````"],
    }),
  );
  const lines = text.split("\n");
  // Three blocks, each opened with a language and closed without one.
  expect(lines.filter((line) => line.includes("```"))).toEqual(["```diff", "```", "```text", "```", "```text", "```"]);
  expect(lines.filter((line) => line.includes("<b>"))).toEqual([
    "    Env.NOTE: a ''' </details> <b> → (gone)",
    "shop: a ''' </details> <b> (TERRACE_SITE_FAILED)",
    "a ''' </details> <b>",
  ]);
});
