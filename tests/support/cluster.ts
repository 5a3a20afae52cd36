import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";

/** Ids of a platform's objects by `kind name`; a service's holds its version and its running tasks too. */
export type Snapshot = Record<string, string>;

interface Task {
  ID: string;
  ServiceID: string;
  DesiredState: string;
  Status: { State: string; ContainerStatus?: { ContainerID?: string } };
}

/** What a platform has in the Swarm, read past Terrace. */
export class Cluster {
  readonly #docker: Dockerode;
  readonly #platform: string;

  constructor(docker: Dockerode, platform: string) {
    this.#docker = docker;
    this.#platform = platform;
  }

  get #filters() {
    return { filters: { label: [`terrace.platform=${this.#platform}`] } };
  }

  /** The name of a site's service. */
  web(site: string): string {
    return `${this.#platform}-site-${site}_web`;
  }

  async services(): Promise<Dockerode.Service[] & { ID: string; Spec?: { Name?: string } }[]> {
    return (await this.#docker.listServices(this.#filters)) as never;
  }

  async serviceNames(): Promise<string[]> {
    return (await this.#docker.listServices(this.#filters)).map(({ Spec }) => Spec?.Name ?? "").sort();
  }

  /** Ids of a service's tasks that run and are to run, sorted. */
  async tasks(service: string): Promise<string[]> {
    return (await this.#running())
      .filter((task) => task.name === service)
      .map(({ ID }) => ID)
      .sort();
  }

  /** Ids of running tasks by service, for all services of the platform. */
  async allTasks(): Promise<Record<string, string[]>> {
    const all: Record<string, string[]> = {};
    for (const name of await this.serviceNames()) all[name] = [];
    for (const { name, ID } of await this.#running()) all[name] = [...(all[name] ?? []), ID].sort();
    return all;
  }

  async #running(): Promise<(Task & { name: string })[]> {
    const services = await this.#docker.listServices(this.#filters);
    const names = new Map(services.map(({ ID, Spec }) => [ID, Spec?.Name ?? ""]));
    const tasks = (await this.#docker.listTasks()) as Task[];
    return tasks
      .filter(
        ({ ServiceID, DesiredState, Status }) =>
          names.has(ServiceID) && DesiredState === "running" && Status.State === "running",
      )
      .map((task) => ({ ...task, name: names.get(task.ServiceID) ?? "" }));
  }

  /**
   * The container of a service's only running task. Waits 30 s for it: a service answers before its first health check, and until then
   * its task only starts.
   */
  async container(service: string): Promise<Dockerode.Container> {
    const end = Date.now() + 30_000;
    for (;;) {
      const task = (await this.#running()).find(({ name }) => name === service);
      const id = task?.Status.ContainerStatus?.ContainerID;
      if (id !== undefined) return this.#docker.getContainer(id);
      if (Date.now() > end) throw new Error(`${service} runs no task`);
      await sleep(200);
    }
  }

  /** Every object by id; equal before and after where nothing was touched. */
  async snapshot(): Promise<Snapshot> {
    const services = await this.#settled();
    const tasks = await this.allTasks();
    const [networks, secrets, configs, volumes] = await this.#others();
    const all: Snapshot = {};
    for (const { ID, Spec, Version } of services) {
      const name = Spec?.Name ?? "";
      all[`service ${name}`] = `${ID} ${Version?.Index} ${tasks[name]?.join(" ")}`;
    }
    for (const { Name, Id } of networks) all[`network ${Name}`] = Id;
    for (const { ID, Spec } of secrets) all[`secret ${Spec?.Name}`] = ID;
    for (const { ID, Spec } of configs) all[`config ${Spec?.Name}`] = ID;
    for (const { Name } of volumes) all[`volume ${Name}`] = Name;
    return all;
  }

  /** Swarm calls an update complete, which changes the service's version, some seconds after the run that asked for it has ended. */
  async #settled() {
    for (const end = Date.now() + 30_000; ; await sleep(200)) {
      const services = await this.#docker.listServices(this.#filters);
      type Updated = { UpdateStatus?: { State?: string } };
      const under = services.some((one) =>
        /^(updating|rollback_started)$/.test((one as Updated).UpdateStatus?.State ?? ""),
      );
      if (!under || Date.now() > end) return services;
    }
  }

  /** The names of volumes. */
  async volumes(): Promise<string[]> {
    return (await this.#others())[3].map(({ Name }) => Name).sort();
  }

  #others() {
    return Promise.all([
      this.#docker.listNetworks(this.#filters),
      this.#docker.listSecrets(this.#filters),
      this.#docker.listConfigs(this.#filters),
      this.#docker.listVolumes(this.#filters).then(({ Volumes }) => Volumes ?? []),
    ]);
  }

  /** All that is left of the platform: labelled objects, its containers and its images. Waits 30 s for containers that still stop. */
  async everything(): Promise<string[]> {
    const end = Date.now() + 30_000;
    for (;;) {
      const containers = await this.#docker.listContainers({ all: true });
      const images = (await this.#docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
      const left = [
        ...Object.keys(await this.snapshot()),
        ...containers.flatMap(({ Names }) => Names).filter((name) => name.startsWith(`/${this.#platform}-`)),
        ...images.filter((tag) => tag.includes(`/${this.#platform}/`)),
      ];
      if (left.length === 0 || Date.now() > end) return left;
      await sleep(250);
    }
  }

  /** Changes a live service's specification as somebody would by hand. */
  async updateByHand(service: string, change: (spec: Record<string, never>) => void): Promise<void> {
    const handle = this.#docker.getService(service);
    const { Spec, Version } = (await handle.inspect()) as { Spec: Record<string, never>; Version: { Index: number } };
    change(Spec);
    await handle.update({ version: Version.Index, ...(Spec as object) });
  }
}
