import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";

/** Between two looks, in ms. */
const EVERY = 100;

interface Stats {
  /** Absent while it starts or ends. */
  memory_stats?: { stats?: { rss?: number; anon?: number; total_rss?: number } };
}

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
  while (!state.done) {
    for (const { Id, Names } of await docker.listContainers()) {
      if (!Names.some((name) => name.startsWith(`/${prefix}`))) continue;
      state.peak = Math.max(state.peak, await held(docker, Id));
    }
    await sleep(EVERY);
  }
}

/** 0 where it has not started yet, or has just ended. */
async function held(docker: Dockerode, id: string): Promise<number> {
  const options = { stream: false, "one-shot": true } as { stream: false };
  const found = (await docker
    .getContainer(id)
    .stats(options)
    .catch(() => undefined)) as Stats | undefined;
  const { rss, anon, total_rss: total } = found?.memory_stats?.stats ?? {};
  return total ?? rss ?? anon ?? 0;
}
