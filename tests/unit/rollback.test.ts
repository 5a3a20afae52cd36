import type Dockerode from "dockerode";
import { expect, test } from "vitest";
import { rollBack } from "../../modules/docker/index.ts";

interface Look {
  state: string | undefined;
  /** Swarm forgets it once it puts it back by itself. */
  previous?: boolean;
}

/** An engine whose service is in these states, one after the other, the last one for good; `asked` keeps what is asked of it. */
function engine(looks: Look[], running = 1) {
  const asked: string[] = [];
  let round = -1;
  const answer = (options: { path: string; method: string }): unknown => {
    const { path, method } = options;
    if (method === "POST") return asked.push(JSON.stringify(options));
    if (path.startsWith("/services?")) {
      return [{ ID: "s", Spec: { Name: "web" }, ServiceStatus: { RunningTasks: running, DesiredTasks: 1 } }];
    }
    round += 1;
    const { state, previous = false } = looks[Math.min(round, looks.length - 1)] ?? {};
    const PreviousSpec = previous ? { Name: "web" } : undefined;
    return { ID: "s", Version: { Index: 7 }, Spec: { Name: "web" }, PreviousSpec, UpdateStatus: { State: state } };
  };
  const dial = (options: { path: string; method: string }, done: (error: unknown, answer?: unknown) => void) =>
    done(null, answer(options));
  return { docker: { modem: { dial } } as unknown as Dockerode, asked };
}

const back = ({ docker }: { docker: Dockerode }, unfinished = false) =>
  rollBack(docker, "s", AbortSignal.timeout(20_000), unfinished);

test("what Swarm puts back by itself is waited for, and not asked for", async () => {
  const by = engine([{ state: "rollback_started" }, { state: "rollback_started" }, { state: "rollback_completed" }]);
  expect(await back(by)).toBe(true);
  expect(by.asked).toEqual([]);
});

test("an update that is under way is put back, asked for once", async () => {
  const by = engine([
    { state: "updating", previous: true },
    { state: "rollback_started" },
    { state: "rollback_completed" },
  ]);
  expect(await back(by, true)).toBe(true);
  expect(by.asked).toEqual([expect.stringMatching(/"rollback":"previous"/)]);
});

test("of what an earlier run left only what is under way is put back", async () => {
  const by = engine([{ state: "completed", previous: true }]);
  expect(await back(by, true)).toBe(false);
  expect(by.asked).toEqual([]);
  expect(await back(engine([{ state: undefined }]))).toBe(false);
});

test("a version that was put back and does not run does not serve", async () => {
  expect(await back(engine([{ state: "rollback_completed" }], 0))).toBe(false);
});
