import { expect, test } from "vitest";
import { LABEL } from "../../modules/core/labels.ts";
import { type Desired, diffStack, isUnchanged, type Live, LiveIndex } from "../../modules/engine/index.ts";
import { withHash } from "../../modules/engine/normal.ts";
import { liveOf } from "../support/desired.ts";

function wanted(kind: Desired["kind"], name: string, spec: object = {}, more: Partial<Desired> = {}): Desired {
  const owner = { platform: "honghe", stack: "site-shop" };
  const labels = { [LABEL.platform]: owner.platform, [LABEL.stack]: owner.stack };
  const hashed = withHash({ Name: name, Labels: labels, ...spec });
  return { ...owner, kind, name, urn: `urn:${name}`, dependsOn: [], once: false, ...hashed, ...more };
}

const template = (container: object, more: object = {}) => ({ TaskTemplate: { ContainerSpec: container, ...more } });
const diff = (desired: Desired[], live: Live[]) => diffStack("site-shop", desired, new LiveIndex(live));
/** As somebody would change it by hand: the hash that was written stays. */
const byHand = (desired: Desired, spec: object): Live[] => liveOf([{ ...desired, spec: { ...desired.spec, ...spec } }]);

test("what is as it should be needs nothing", () => {
  const all = [wanted("service", "web", template({ Image: "a:1" })), wanted("config", "config-1")];
  expect(diff(all, liveOf(all))).toEqual([]);
  expect(isUnchanged("site-shop", all, new LiveIndex(liveOf(all)))).toBe(true);
});

test("what is not there is created, what nothing wants is deleted", () => {
  const [one, other] = [wanted("config", "config-1"), wanted("config", "config-2")];
  expect(diff([other], liveOf([one])).map(({ action, name, reason }) => [action, name, reason])).toEqual([
    ["create", "config-2", "config"],
    ["delete", "config-1", "unwanted"],
  ]);
  expect(isUnchanged("site-shop", [one, other], new LiveIndex(liveOf([one])))).toBe(false);
  expect(isUnchanged("site-shop", [], new LiveIndex(liveOf([one])))).toBe(false);
});

test("another stack's objects are never unwanted", () => {
  const theirs = liveOf([wanted("service", "other", {}, { stack: "site-other" })]);
  expect(diff([], theirs)).toEqual([]);
});

test("an image that is there is up to date, and never deleted", () => {
  const image = wanted("image", "shop:1");
  expect(diff([image], liveOf([image]))).toEqual([]);
  expect(diff([], liveOf([image]))).toEqual([]);
});

test("paths are short, lists of named things are compared by name", () => {
  const before = wanted("service", "web", {
    ...template({
      Image: "a:1",
      Env: ["A=1", "B=2"],
      Mounts: [
        { Target: "/tmp", Type: "tmpfs" },
        { Target: "/data", Source: "one" },
      ],
    }),
    Mode: { Replicated: { Replicas: 1 } },
  });
  const after = wanted("service", "web", {
    ...template({
      Image: "a:2",
      Env: ["B=2", "C=3"],
      Mounts: [
        { Target: "/data", Source: "two" },
        { Target: "/tmp", Type: "tmpfs" },
      ],
    }),
    Mode: { Replicated: { Replicas: 2 } },
  });
  const [change] = diff([after], liveOf([before]));
  expect(change).toMatchObject({ action: "update", reason: "config", restarts: true });
  expect(change?.properties).toEqual([
    { path: "Mode.Replicated.Replicas", before: 1, after: 2 },
    { path: "Env.A", before: "1", after: undefined },
    { path: "Env.C", before: undefined, after: "3" },
    { path: "Image", before: "a:1", after: "a:2" },
    { path: "Mounts./data.Source", before: "one", after: "two" },
  ]);
});

test("a change outside the task template restarts nothing", () => {
  const service = (replicas: number) =>
    wanted("service", "web", { ...template({ Image: "a:1" }), Mode: { Replicated: { Replicas: replicas } } });
  expect(diff([service(3)], liveOf([service(1)]))[0]).toMatchObject({ action: "update", restarts: false });
});

test("a live object that was changed by hand is drift", () => {
  const service = wanted("service", "web", template({ Image: "a:1" }));
  const live = byHand(service, template({ Image: "a:hand" }));
  expect(diff([service], live)[0]).toMatchObject({
    action: "update",
    reason: "drift",
    drifted: true,
    properties: [{ path: "Image", before: "a:hand", after: "a:1" }],
  });
  expect(isUnchanged("site-shop", [service], new LiveIndex(live))).toBe(false);
});

test("an object that was changed by hand while its file changed is told as both", () => {
  const [one, two] = ["a:1", "a:2"].map((Image) => wanted("service", "web", template({ Image })));
  if (one === undefined || two === undefined) throw new Error("there are two");
  expect(diff([two], liveOf([one]))[0]).toMatchObject({ reason: "config", drifted: false });
  expect(diff([two], byHand(one, template({ Image: "a:1", Env: ["NOTE=by-hand"] })))[0]).toMatchObject({
    reason: "config",
    drifted: true,
    properties: [
      { path: "Env.NOTE", before: "by-hand", after: undefined },
      { path: "Image", before: "a:1", after: "a:2" },
    ],
  });
});

test.each(["DB_PASSWORD", "API_TOKEN", "aws_secret_access_key", "PRIVATE.KEY", "OAUTH_CREDENTIALS", "apikey"])(
  "the value of %s is never shown",
  (name) => {
    const service = (value: string) =>
      wanted("service", "web", template({ Env: [`${name}=${value}`, `MODE=${value}`] }));
    const [created] = diff([service("swordfish")], []);
    expect(created?.properties).toContainEqual({ path: `Env.${name}`, before: undefined, after: "[secret]" });
    const [changed] = diff([service("opensesame")], liveOf([service("swordfish")]));
    expect(changed?.properties).toEqual(
      [
        { path: "Env.MODE", before: "swordfish", after: "opensesame" },
        { path: `Env.${name}`, before: "[secret]", after: "[secret]" },
      ].sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
  },
);

test("what is made once is left as it is", () => {
  const ca = (data: string) => wanted("secret", "ca", { Labels: { data } }, { once: true });
  expect(diff([ca("two")], liveOf([ca("one")]))).toEqual([]);
  expect(diff([ca("one")], [])[0]).toMatchObject({ action: "create" });
});

test("bookkeeping is no reason to change a network", () => {
  const network = (more: object) => wanted("network", "edge", { Driver: "overlay", ...more });
  const older = network({ Labels: { [LABEL.platform]: "honghe", [LABEL.stack]: "site-shop", "terrace.new": "1" } });
  expect(diff([network({})], liveOf([older]))).toEqual([]);
  expect(diff([network({ Internal: true })], liveOf([network({})]))[0]?.properties).toEqual([
    { path: "Internal", before: undefined, after: true },
  ]);
});
