import { expect, test } from "vitest";
import type { Plan } from "../../stacks/model.ts";
import { type PlanFile, requireSame, toPlanFile } from "../../stacks/plan-file.ts";

/** A plan that creates these, each `kind name hash`. */
function plan(...creates: string[]): Plan {
  const base = creates.map((text) => {
    const [kind, name, hash] = text.split(" ");
    return { action: "create", kind, name, desired: { hash } };
  });
  const empty = { extras: [], sites: [], edgeChanges: [], leftovers: [], volumes: [], routes: [] };
  return { platform: { name: "honghe" }, live: { all: () => [] }, base, ...empty } as unknown as Plan;
}

function reviewed(...creates: string[]): PlanFile {
  return toPlanFile(plan(...creates), { only: [], env: undefined, date: "2026-10-01" }, new Date(0));
}

const refused = (message: string, ...moved: string[]) =>
  expect.objectContaining({
    code: "TERRACE_PLAN_STALE",
    message: `${message}; nothing was done`,
    why: `what moved:\n${moved.map((line) => `  ${line}`).join("\n")}`,
  });

test("the same is carried out", () => {
  expect(() =>
    requireSame(reviewed("image shop:1 a", "service web b"), plan("image shop:1 a", "service web b")),
  ).not.toThrow();
});

test("an image that was made or removed meanwhile is told, and the files are not blamed", () => {
  const what = "images were made or removed since the plan was made";
  expect(() => requireSame(reviewed("image shop:1 a", "service web b"), plan("service web b"))).toThrow(
    refused(what, "image shop:1: is there by now"),
  );
  expect(() => requireSame(reviewed("service web b"), plan("image shop:1 a", "service web b"))).toThrow(
    refused(what, "image shop:1: is gone, and would be made again"),
  );
});

test("files that say something else are told, with the image that goes with them", () => {
  expect(() =>
    requireSame(reviewed("image shop:1 a", "service web b"), plan("image shop:2 c", "service web d")),
  ).toThrow(
    refused(
      "the files say something else than when the plan was made",
      "create image shop:1",
      "create service web",
      "create image shop:2",
    ),
  );
});
