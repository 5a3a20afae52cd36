import type Dockerode from "dockerode";
import { expect, test } from "vitest";
import { converge } from "../../modules/docker/index.ts";

interface Look {
  /** Of the service's two tasks, by Swarm's word. */
  states: string[];
  /** Of their containers; absent where they are on another node. */
  container?: object;
}

/** An engine that answers by these looks, one after the other, the last one for good; `seen` counts them. */
function engine(looks: Look[], healthcheck: object | undefined, seen = { looks: 0 }): Dockerode {
  let round = -1;
  const answer = (path: string): unknown => {
    const { states = [], container } = looks[Math.min(Math.max(round, 0), looks.length - 1)] ?? {};
    if (path.startsWith("/services")) {
      round += 1;
      seen.looks += 1;
      const ContainerSpec = { Labels: { "terrace.template": "new" }, Healthcheck: healthcheck };
      const Spec = { Name: "web", TaskTemplate: { ContainerSpec }, Mode: { Replicated: { Replicas: 1 } } };
      return { ID: "s", Version: { Index: 1 }, CreatedAt: "", Spec };
    }
    if (path.startsWith("/tasks/")) throw Object.assign(new Error("no log"), { statusCode: 404 });
    if (path.startsWith("/tasks")) {
      return states.map((State, index) => ({
        ID: `t${index}`,
        ServiceID: "s",
        CreatedAt: new Date(index).toISOString(),
        DesiredState: State === "complete" ? "shutdown" : "running",
        Spec: { ContainerSpec: { Labels: { "terrace.template": "new" } } },
        Status: { State, ContainerStatus: { ContainerID: `c${index}`, ExitCode: 0 } },
      }));
    }
    if (path.startsWith("/containers") && container !== undefined) return { State: container };
    throw Object.assign(new Error("no such container"), { statusCode: 404 });
  };
  const dial = (options: { path: string }, done: (error: unknown, answer?: unknown) => void) => {
    try {
      done(null, answer(options.path));
    } catch (error) {
      done(error);
    }
  };
  return { modem: { dial } } as unknown as Dockerode;
}

const CHECK = { Test: ["CMD", "true"] };
const wait = (docker: Dockerode) => converge(docker, "s", 20_000, AbortSignal.timeout(15_000));
const ended = { Running: false, Health: { Status: "unhealthy", Log: [] } };

test("a container that ended unhealthy is not up, though Swarm takes it for running for a moment", async () => {
  const looks = [
    { states: ["running"], container: ended },
    { states: ["running"], container: ended },
    { states: ["complete", "complete"], container: ended },
  ];
  expect(await wait(engine(looks, CHECK))).toMatchObject({ cause: "unhealthy" });
});

test("one on another node is believed only when it still runs a second later", async () => {
  const fallen = engine(
    [{ states: ["running"] }, { states: ["running"] }, { states: ["complete", "complete"] }],
    CHECK,
  );
  expect(await wait(fallen)).toMatchObject({ cause: "exited" });
  const started = Date.now();
  expect(await wait(engine([{ states: ["running"] }], CHECK))).toBeUndefined();
  expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
});

test("one that is healthy here, or has no check, is believed at the first look", async () => {
  const healthy = [{ states: ["running"], container: { Running: true, Health: { Status: "healthy" } } }];
  const seen = { looks: 0 };
  expect(await wait(engine(healthy, CHECK, seen))).toBeUndefined();
  expect(seen.looks).toBe(1);
  expect(await wait(engine([{ states: ["running"] }], undefined, seen))).toBeUndefined();
  expect(seen.looks).toBe(2);
});

test("a task that another machine's clock dates long ago has its time all the same", async () => {
  const looks = [{ states: ["new"] }, { states: ["pending"] }, { states: ["running"] }];
  expect(await wait(engine(looks, undefined))).toBeUndefined();
});
