import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";

/** Between two looks at the memory, in ms: a job may need the most of it for a moment only. */
const EVERY = 20;
/** Looks at the memory until the daemon is asked for containers again, which costs it time. */
const LOOKS = 10;

/** The most memory, in MiB and without the page cache, that a container of a name that begins so has while some work is done. */
export const PeakWatch = {
  async during(docker: Dockerode, prefix: string, work: () => Promise<unknown>): Promise<number> {
    const state = { done: false, peak: 0 };
    const looking = look(docker, prefix, state);
    try {
      await work();
    } finally {
      state.done = true;
      await looking;
    }
    if (state.peak === 0) throw new Error(`no container ${prefix}* was seen`);
    return state.peak / 2 ** 20;
  },
};

async function look(docker: Dockerode, prefix: string, state: { done: boolean; peak: number }): Promise<void> {
  const known = new Map<string, string | undefined>();
  while (!state.done) {
    const found = (await docker.listContainers()).filter(({ Names }) =>
      Names.some((name) => name.startsWith(`/${prefix}`)),
    );
    for (const { Id } of found) if (!known.has(Id)) known.set(Id, await statFile(docker, Id));
    const files = found.flatMap(({ Id }) => known.get(Id) ?? []);
    for (let round = 0; round < LOOKS && !state.done; round++) {
      for (const file of files) state.peak = Math.max(state.peak, await held(file));
      await sleep(EVERY);
    }
  }
}

/** Where the kernel tells of a container's memory, with version 1 or 2 of its control groups; `undefined` where it has ended. */
async function statFile(docker: Dockerode, id: string): Promise<string | undefined> {
  const inspected = await docker
    .getContainer(id)
    .inspect()
    .catch(() => undefined);
  const groups = await readFile(`/proc/${inspected?.State.Pid ?? 0}/cgroup`, "utf8").catch(() => "");
  const [, first] = /^\d+:memory:(.+)$/m.exec(groups) ?? [];
  const [, second] = /^0::(.+)$/m.exec(groups) ?? [];
  if (first !== undefined) return `/sys/fs/cgroup/memory${first}/memory.stat`;
  return second === undefined ? undefined : `/sys/fs/cgroup${second}/memory.stat`;
}

/** 0 where it has ended. */
async function held(file: string): Promise<number> {
  const text = await readFile(file, "utf8").catch(() => "");
  const [, bytes] = /^total_rss (\d+)$/m.exec(text) ?? /^anon (\d+)$/m.exec(text) ?? [];
  return Number(bytes ?? 0);
}
