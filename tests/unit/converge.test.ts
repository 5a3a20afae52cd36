import { expect, test } from "vitest";
import { LABEL } from "../../modules/core/labels.ts";
import {
  demultiplex,
  FAULT_CAUSES,
  type FaultCause,
  judge,
  lookAgain,
  type Seen,
} from "../../modules/docker/converge.ts";
import type { RawService, RawTask } from "../../modules/docker/index.ts";
import { textOf } from "../support/sources.ts";

const NOW = Date.parse("2026-10-01T12:00:00Z");
const COMPLETED = "2026-10-01T10:00:00Z";

interface TaskPart {
  template?: string;
  desired?: string;
  err?: string;
  message?: string;
  exit?: number;
  /** Seconds since it was made; it has been seen in its state for as long. */
  age?: number;
  id?: string;
}

function service(update?: string, replicas = 1, message?: string): RawService {
  return {
    ID: "s",
    Version: { Index: 1 },
    CreatedAt: "",
    Spec: {
      Name: "web",
      TaskTemplate: { ContainerSpec: { Labels: { [LABEL.template]: "new" } } },
      Mode: { Replicated: { Replicas: replicas } },
    },
    ...(update && { UpdateStatus: { State: update, ...(message && { Message: message }) } }),
  };
}

function task(state: string, part: TaskPart = {}): RawTask {
  const ended = /failed|rejected|complete/.test(state);
  return {
    ID: part.id ?? "t",
    ServiceID: "s",
    CreatedAt: new Date(NOW - (part.age ?? 1) * 1000).toISOString(),
    DesiredState: part.desired ?? (ended ? "shutdown" : "running"),
    Spec: { ContainerSpec: { Labels: { [LABEL.template]: part.template ?? "new" } } },
    Status: {
      State: state,
      ...(part.err !== undefined && { Err: part.err }),
      ...(part.message !== undefined && { Message: part.message }),
      ...(part.exit !== undefined && { ContainerStatus: { ExitCode: part.exit } }),
    },
  };
}

/** A service whose tasks ask something of their node. */
function asking(...parts: object[]): RawService {
  const one = service();
  return { ...one, Spec: { ...one.Spec, TaskTemplate: Object.assign({ ...one.Spec.TaskTemplate }, ...parts) } };
}

/** What {@link task} says has been seen, and that the service's update has been seen to be complete for so many seconds. */
function seen(tasks: RawTask[], complete = 0): Seen {
  const states = tasks.map(
    ({ ID, Status, CreatedAt }) => [`${ID} ${Status.State}`, NOW - Date.parse(CreatedAt)] as const,
  );
  return new Map([[`update ${COMPLETED}`, complete * 1000], ...states]);
}

const crash = (part: TaskPart = {}) => task("failed", { exit: 7, err: "task: non-zero exit (7)", ...part });

/** What is said in words, and to programs. */
const CASES: [string, RawService, RawTask[], string | RegExp, FaultCause?][] = [
  ["all wanted tasks run", service("completed"), [task("running")], "converged"],
  ["no update was needed", service(), [task("running")], "converged"],
  ["one of two runs", service(undefined, 2), [task("running"), task("starting")], "waiting"],
  ["the old one runs still", service("completed"), [task("running"), task("running", { template: "old" })], "waiting"],
  [
    "the old one is on its way out",
    service("completed"),
    [task("running"), task("running", { template: "old", desired: "shutdown" })],
    "waiting",
  ],
  ["the update is still watched", service("updating"), [task("running")], "waiting"],
  [
    "an update that crashes is left to Swarm",
    service("updating"),
    [crash(), crash(), task("running", { template: "old" })],
    "waiting",
  ],
  ["one crash of a new service", service(), [crash(), task("starting")], "waiting"],
  [
    "two crashes of a new service",
    service(),
    [crash(), crash()],
    "its container exited with code 7, 2 times",
    "exited",
  ],
  [
    "crashes of an older version",
    service(),
    [crash({ template: "old" }), crash({ template: "old" }), task("starting")],
    "waiting",
  ],
  [
    "crashes of an earlier run",
    service(),
    [crash({ id: "before" }), crash({ id: "before" }), task("starting")],
    "waiting",
  ],
  [
    "containers that end with code 0",
    service(),
    [task("complete", { exit: 0 }), task("complete", { exit: 0 })],
    "its container exited by itself, 2 times",
    "exited",
  ],
  [
    "tasks that a smaller scale removed",
    service(),
    [task("complete", { desired: "remove" }), task("failed", { desired: "remove" }), task("starting")],
    "waiting",
  ],
  [
    "unhealthy",
    service(),
    [
      task("failed", { err: "task: non-zero exit (137): unhealthy container" }),
      task("complete", { err: "unhealthy container" }),
    ],
    "its health check failed, 2 times",
    "unhealthy",
  ],
  [
    "rejected",
    service(),
    [task("rejected", { err: "No such image: shop:1" }), task("rejected", { err: "No such image: shop:1" })],
    "Swarm rejected its task: No such image: shop:1, 2 times",
    "image",
  ],
  [
    "rejected for another reason than its image",
    service(),
    [task("rejected", { err: "invalid mount config" }), task("rejected", { err: "invalid mount config" })],
    "Swarm rejected its task: invalid mount config, 2 times",
    "rejected",
  ],
  [
    "a container that does not start",
    service("rollback_completed"),
    [task("failed", { exit: 128, err: "starting container failed: failed to mount local volume" })],
    "its container does not start: failed to mount local volume",
    "not-started",
  ],
  [
    "a task that failed before it had a container",
    service("rollback_completed"),
    [task("failed", { err: "node is lost" })],
    "its task failed: node is lost",
    "failed",
  ],
  [
    "rolled back",
    service("rollback_completed"),
    [crash(), task("running", { template: "old" })],
    "its container exited with code 7",
    "exited",
  ],
  ["rolling back", service("rollback_started"), [crash()], "its container exited with code 7", "exited"],
  [
    "rolled back by an earlier run",
    service("rollback_completed"),
    [crash({ id: "before" })],
    "its container exited with code 7",
    "exited",
  ],
  ["paused without a failed task", service("paused", 1, "update paused"), [], "update paused", "paused"],
  ["no node, not long yet", service(), [task("pending", { err: "no suitable node", age: 5 })], "waiting"],
  [
    "no node",
    service(),
    [task("pending", { err: "no suitable node", age: 11 })],
    "no node can take it: no suitable node; it asks for no resource and no special node",
    "no-node",
  ],
  [
    "no node with what is asked for",
    asking(
      { Resources: { Reservations: { MemoryBytes: 2 ** 40, NanoCPUs: 250_000_000 } } },
      { Placement: { Constraints: ["node.labels.zone==b"] } },
    ),
    [task("pending", { err: "no suitable node (insufficient resources on 1 node)", age: 11 })],
    "no node can take it: no suitable node (insufficient resources on 1 node); it asks for 1TiB of memory, 0.25 CPU, a node with node.labels.zone==b",
    "no-node",
  ],
  ["no address, not long yet", service(), [task("new", { age: 29 })], "waiting"],
  ["no address", service(), [task("new", { age: 31 })], /Swarm has no address for it/, "no-address"],
];

test.each(CASES)("%s", (_name, one, tasks, expected, cause) => {
  const verdict = judge(one, tasks, seen(tasks), false, new Set(["before"]));
  const said = typeof verdict === "string" ? verdict : verdict.why;
  if (typeof expected === "string") expect(said).toBe(expected);
  else expect(said).toMatch(expected);
  expect(typeof verdict === "string" ? undefined : verdict.cause).toBe(cause);
});

test("each cause is made by a case, and told on the page of errors", () => {
  const made = new Set(CASES.map(([, , , , cause]) => cause));
  expect(FAULT_CAUSES.filter((cause) => cause !== "timeout" && !made.has(cause))).toEqual([]);
  const told = [...textOf("docs/errors.md").matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, cause]) => cause);
  expect(told).toEqual([...FAULT_CAUSES]);
});

test("too late, the newest task is told, or its last crash", () => {
  const late = (tasks: RawTask[]) => judge(service(), tasks, seen(tasks), true);
  expect(late([task("preparing")])).toMatchObject({
    why: "it did not come up in time: its newest task is preparing",
    cause: "timeout",
  });
  expect(late([])).toMatchObject({ why: "it did not come up in time: it has no task", cause: "timeout" });
  expect(late([task("starting"), crash({ age: 9 })])).toMatchObject({
    why: "it did not come up in time: its container exited with code 7",
    cause: "exited",
    task: { Status: { State: "failed" } },
  });
});

test("the newest failed task is the one that is told", () => {
  const tasks = [crash({ age: 9 }), crash({ age: 2, exit: 3, id: "last" })];
  const verdict = judge(service(), tasks, seen(tasks), false);
  expect(verdict).toMatchObject({ why: "its container exited with code 3, 2 times", task: { ID: "last" } });
});

test("how long something has been as it is tells what was seen, and not the dates that Swarm gives", () => {
  const stuck = [task("new", { age: 3600 })];
  expect(judge(service(), stuck, new Map(), false)).toBe("waiting");
  const tasks = [task("running"), task("running", { template: "old", desired: "shutdown" })];
  const updated: RawService = { ...service(), UpdateStatus: { State: "completed", CompletedAt: COMPLETED } };
  expect(judge(updated, tasks, new Map(), false)).toBe("waiting");
  expect(judge(updated, tasks, seen(tasks, 30), false)).toBe("waiting");
  expect(judge(updated, tasks, seen(tasks, 31), false)).toBe("converged");
});

test("only what was seen at each look goes on, and a look that took long counts little", () => {
  const after = (...looks: [number, string][]) => {
    const none: Seen = new Map();
    const all = looks.reduce((before, [ms, state]) => lookAgain(before, service(), [task(state)], ms), none);
    return Object.fromEntries([...all].filter(([key]) => key.startsWith("t ")));
  };
  expect(after([400, "new"])).toEqual({ "t new": 0 });
  expect(after([400, "new"], [400, "new"], [200, "new"])).toEqual({ "t new": 600 });
  expect(after([400, "new"], [400, "new"], [400, "pending"], [400, "new"])).toEqual({ "t new": 0 });
  expect(after([400, "new"], [40_000, "new"])).toEqual({ "t new": 5000 });
});

test("Docker's log stream becomes lines", () => {
  const piece = (text: string) => {
    const header = Buffer.alloc(8);
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  expect(demultiplex(Buffer.concat([piece("one\ntw"), piece("o 网站\n")]))).toEqual(["one", "two 网站"]);
  expect(demultiplex(Buffer.alloc(0))).toEqual([]);
});
