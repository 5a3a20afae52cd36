import { tmpdir } from "node:os";
import { join } from "node:path";
import Dockerode from "dockerode";
import { expect, test } from "vitest";
import { call, destroyObject, isBroken } from "../../modules/docker/index.ts";
import type { NodeEngine } from "../../modules/nodes/engine.ts";
import { leaveSwarm } from "../../modules/nodes/swarm.ts";

const silent = new Dockerode({ socketPath: join(tmpdir(), "terrace-nobody-listens.sock") });

test.each([
  [{ statusCode: 503, message: "This node is not a swarm manager" }, true],
  [{ statusCode: 500, message: "rpc error: code = Unknown desc = The swarm does not have a leader." }, true],
  [{ statusCode: 500, message: "rpc error: code = Aborted desc = node lost leader status" }, true],
  [{ statusCode: 500, message: "rpc error: code = DeadlineExceeded desc = context deadline exceeded" }, true],
  [{ statusCode: 500, message: "rpc error: code = Unknown desc = update out of sequence" }, false],
  [{ statusCode: 404, message: "no such service" }, false],
  [{ code: "ECONNRESET", message: "read ECONNRESET" }, true],
])("a call that ended with %j: its outcome is unknown: %s", (error, broken) => {
  expect(isBroken(error)).toBe(broken);
});

test("a call that nobody answers says so in words for whoever gave the command", async () => {
  const fault = await call(silent, "GET", "/services").catch((error: unknown) => error);
  expect(fault).toMatchObject({
    code: "TERRACE_DOCKER_UNREACHABLE",
    message: "Docker Engine does not answer",
    where: "GET /services",
    why: expect.stringContaining("ENOENT"),
    next: expect.stringContaining("run this again"),
  });
  expect(isBroken(fault)).toBe(true);
});

test("what can't be removed in time is told by what stood in its way, and what was interrupted by that", async () => {
  const network = { kind: "network" as const, name: "n", id: "1" };
  const late = destroyObject(silent, network, AbortSignal.timeout(300));
  await expect(late).rejects.toMatchObject({ code: "TERRACE_DOCKER_UNREACHABLE" });
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(new Error("interrupted")), 300);
  await expect(destroyObject(silent, network, interrupt.signal)).rejects.toThrow("interrupted");
});

test("a node whose part in the Swarm takes longer to stop than Docker waits is asked again to leave", async () => {
  const answers = ["(HTTP code 500) unexpected - context deadline exceeded", undefined];
  const swarmLeave = async () => {
    const fault = answers.shift();
    if (fault !== undefined) throw new Error(fault);
  };
  await leaveSwarm({ docker: { swarmLeave } } as unknown as NodeEngine);
  expect(answers).toEqual([]);
  answers.push("(HTTP code 500) unexpected - no space left on device");
  await expect(leaveSwarm({ docker: { swarmLeave } } as unknown as NodeEngine)).rejects.toThrow("no space left");
});
