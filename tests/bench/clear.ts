import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { type Doomed, destroyObject } from "../../modules/docker/index.ts";

/** Removes services, containers, configs, secrets, networks and volumes whose names begin with a platform's; images stay. */
export async function clearObjects(docker: Dockerode, platform: string): Promise<void> {
  const signal = AbortSignal.timeout(300_000);
  const ours = (name: string | undefined) => (name ?? "").replace(/^\//, "").startsWith(`${platform}-`);
  const remove = async (kind: Doomed["kind"], items: { name: string; id: string }[]) => {
    for (const each of items) await destroyObject(docker, { kind, ...each }, signal);
  };
  const specified = (items: { ID: string; Spec?: { Name?: string } }[]) =>
    items.filter(({ Spec }) => ours(Spec?.Name)).map(({ ID, Spec }) => ({ id: ID, name: Spec?.Name ?? "" }));
  await remove("service", specified(await docker.listServices()));
  await containersGone(docker, ours);
  await remove("config", specified((await docker.listConfigs()) as never));
  await remove("secret", specified((await docker.listSecrets()) as never));
  const networks = (await docker.listNetworks()).filter(({ Name }) => ours(Name));
  await remove(
    "network",
    networks.map(({ Id, Name }) => ({ id: Id, name: Name })),
  );
  const volumes = ((await docker.listVolumes()).Volumes ?? []).filter(({ Name }) => ours(Name));
  await remove(
    "volume",
    volumes.map(({ Name }) => ({ id: Name, name: Name })),
  );
}

/** Swarm removes the containers of services itself; the bench's own are removed here. */
async function containersGone(docker: Dockerode, ours: (name: string | undefined) => boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const left = (await docker.listContainers({ all: true })).filter(({ Names }) => Names.some(ours));
    if (left.length === 0) return;
    for (const { Id, Labels } of left) {
      if (Labels["com.docker.swarm.task.id"] !== undefined) continue;
      await docker.getContainer(Id).remove({ force: true });
    }
    await sleep(250);
  }
  throw new Error("containers of removed services are still there");
}
