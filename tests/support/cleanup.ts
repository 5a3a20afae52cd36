import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { isAlive, maker, testPlatformOf } from "./names.ts";

type Chosen = (platform: string) => boolean;

/** Removes all that one test's platform has in the engine, volumes and images too. */
export async function removePlatform(docker: Dockerode, platform: string): Promise<void> {
  if (maker(platform) === undefined) throw new Error(`${platform} is no test's platform, so nothing of it is removed`);
  await sweep(docker, (each) => each === platform);
}

/** Removes what test processes left that are gone: those of this run when it ends, and those of earlier runs that crashed. */
export async function removeAbandoned(docker: Dockerode): Promise<void> {
  await sweep(docker, (platform) => {
    const pid = maker(platform);
    return pid !== undefined && !isAlive(pid);
  });
}

/** In the order in which one holds the other: services and their containers, then what these use. */
async function sweep(docker: Dockerode, chosen: Chosen): Promise<void> {
  const ours = (name: string | undefined): boolean => {
    const platform = testPlatformOf((name ?? "").replace(/^\//, ""));
    return platform !== undefined && chosen(platform);
  };
  const services = (await docker.listServices()).filter((each) => ours(each.Spec?.Name));
  await each(services, (one) => docker.getService(one.ID).remove());
  await containersGone(docker, ours);
  const secrets = (await docker.listSecrets()).filter((one) => ours(one.Spec?.Name));
  const configs = (await docker.listConfigs()).filter((one) => ours(one.Spec?.Name));
  const networks = (await docker.listNetworks()).filter((one) => ours(one.Name));
  const volumes = ((await docker.listVolumes()).Volumes ?? []).filter((one) => ours(one.Name));
  await each(secrets, (one) => docker.getSecret(one.ID).remove());
  await each(configs, (one) => docker.getConfig(one.ID).remove());
  await each(networks, (one) => docker.getNetwork(one.Id).remove());
  await each(volumes, (one) => docker.getVolume(one.Name).remove());
  const tags = (await docker.listImages()).flatMap((one) => one.RepoTags ?? []).filter(ours);
  await each(tags, (tag) => docker.getImage(tag).remove());
}

/** Swarm removes the containers of a service that is gone by itself, in its own time; other containers are removed here. */
async function containersGone(docker: Dockerode, ours: (name: string) => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const left = (await docker.listContainers({ all: true })).filter((one) => one.Names.some(ours));
    if (left.length === 0) return;
    const late = Date.now() > deadline;
    const mine = left.filter((one) => late || one.Labels["com.docker.swarm.task.id"] === undefined);
    await each(mine, (one) => docker.getContainer(one.Id).remove({ force: true }));
    if (late) return;
    await sleep(250);
  }
}

/** Gone already is fine; still in use is tried again for a while, because Swarm lets go of things late. */
async function each<Item>(items: Item[], remove: (item: Item) => Promise<unknown>): Promise<void> {
  await Promise.all(
    items.map(async (item) => {
      for (let attempt = 0; ; attempt++) {
        try {
          await remove(item);
          return;
        } catch (error) {
          const { statusCode } = error as { statusCode?: number };
          if (statusCode === 404) return;
          if (attempt === 40) throw error;
          await sleep(250);
        }
      }
    }),
  );
}
