import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { get, type RawService, readRoot } from "../../modules/docker/index.ts";
import { overlap } from "../../modules/networks/index.ts";
import { removePlatform } from "../support/cleanup.ts";
import { FaultySocket } from "../support/faulty-socket.ts";
import { type Ended, Workspace } from "../support/workspace.ts";
import { clearObjects } from "./clear.ts";
import { requireDone, timed } from "./measure.ts";
import { siteNames, writeSites } from "./sites.ts";

const SHARED = "127.0.0.1:5325/terrace/";

/** A platform of the bench's own on the real engine, with so many static sites. */
export class Rig {
  readonly workspace: Workspace;
  /** How many sites the workspace has at first. */
  readonly count: number;
  /** The edge network's range: large enough for all sites twice. */
  readonly range: string;
  readonly #sharedBefore: ReadonlySet<string>;

  private constructor(workspace: Workspace, count: number, range: string, sharedBefore: ReadonlySet<string>) {
    this.workspace = workspace;
    this.count = count;
    this.range = range;
    this.#sharedBefore = sharedBefore;
  }

  static async create(count: number): Promise<Rig> {
    const workspace = await Workspace.create();
    const { docker, folder, name, domain, visitor } = workspace;
    const [edge = "", control = ""] = await freeRanges(docker);
    const { http, https } = visitor.ports;
    const ports = `{ http: ${http}, https: ${https} }`;
    const networks = `{ edge: ${edge}, control: ${control} }`;
    const platform = `platform: ${name}\ndomain: ${domain}\nedge: ${ports}\nnetworks: ${networks}\n`;
    await writeFile(join(folder, "platform.yaml"), platform);
    await writeSites(folder, siteNames(count));
    return new Rig(workspace, count, edge, new Set(await sharedImages(docker)));
  }

  get docker(): Dockerode {
    return this.workspace.docker;
  }

  /** Names of all that belongs to it begin so. */
  get name(): string {
    return this.workspace.name;
  }

  /** `terrace up --yes`: ends when every site answers over TLS. Takes the time from before the process starts. */
  async up(): Promise<{ wall: number; ended: Ended }> {
    const { result, wall } = await timed(() => this.workspace.run("up", "--yes"));
    requireDone({ code: Number(result.code), output: result.all, wall, peak: undefined }, "terrace up");
    return { wall, ended: result };
  }

  /** ms of a `terrace plan` that finds nothing to change. */
  async plan(): Promise<number> {
    const { result, wall } = await timed(() => this.workspace.run("plan", "--detailed-exitcode"));
    requireDone({ code: Number(result.code), output: result.all, wall, peak: undefined }, "terrace plan");
    return wall;
  }

  /** The calls to Docker that such a plan makes, seen by a proxy on its way. */
  async planCalls(): Promise<string[]> {
    const socket = await new FaultySocket().listen();
    this.workspace.env = { DOCKER_HOST: `unix://${socket.path}` };
    try {
      await this.plan();
      return socket.calls;
    } finally {
      this.workspace.env = {};
      await socket.close();
    }
  }

  /** The platform's root, which is another one each time that the platform is made from nothing. */
  async learnRoot(): Promise<void> {
    this.workspace.visitor.root = await readRoot(this.docker, this.name);
  }

  /** Removes all but the images, as if nothing had been deployed yet. */
  async clear(): Promise<void> {
    await clearObjects(this.docker, this.name);
  }

  /** Waits until all tasks of the services whose names begin so run, 5 minutes at most. */
  async running(prefix: string, count: number): Promise<void> {
    const filters = { name: [prefix] };
    const until = Date.now() + 300_000;
    while (Date.now() < until) {
      const services = await get<RawService[]>(this.docker, "/services", { filters, status: true });
      const up = services.filter(
        ({ ServiceStatus: tasks }) => tasks !== undefined && tasks.RunningTasks >= tasks.DesiredTasks,
      );
      if (up.length >= count) return;
      await sleep(150);
    }
    throw new Error(`not all of ${count} services ${prefix}* run after 5 minutes`);
  }

  async destroy(): Promise<void> {
    const { docker, workspace, name } = this;
    workspace.visitor.close();
    await clearObjects(docker, name);
    await removePlatform(docker, name);
    await workspace.remove(".");
    const made = (await sharedImages(docker)).filter((tag) => !this.#sharedBefore.has(tag));
    // Another platform that came meanwhile may use them by now: then they stay.
    for (const tag of made) await docker.getImage(tag).remove().catch(ignoreInUse);
  }
}

function ignoreInUse(error: { statusCode?: number }): void {
  if (error.statusCode !== 409) throw error;
}

async function sharedImages(docker: Dockerode): Promise<string[]> {
  const images = await docker.listImages();
  return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.startsWith(SHARED));
}

/** Two ranges, a /21 and a /24, that no network of the engine and no interface of this machine has. */
async function freeRanges(docker: Dockerode): Promise<string[]> {
  const networks = await docker.listNetworks();
  const taken = [
    ...networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])),
    ...Object.values(networkInterfaces()).flatMap((each) => each?.flatMap(({ cidr }) => cidr ?? []) ?? []),
  ].filter((range) => !range.includes(":"));
  const candidates = Array.from({ length: 60 }, (_, index) => [
    `10.${180 + index}.128.0/21`,
    `10.${180 + index}.136.0/24`,
  ]);
  const free = candidates.find((pair) => pair.every((range) => !taken.some((other) => overlap(range, other))));
  if (free === undefined) throw new Error("no free range of addresses for the bench");
  return free;
}
