import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deploySimulated } from "../bench/plan-simulated.ts";
import { siteNames, writeSites } from "../bench/sites.ts";
import { EngineApi } from "./engine-api.ts";

/** A folder with so many sites, deployed on a simulated engine which this process's `DOCKER_HOST` names until it is closed. */
export class SimulatedWorkspace {
  readonly api: EngineApi;
  readonly root: string;
  readonly #before = { DOCKER_HOST: process.env.DOCKER_HOST, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME };

  private constructor(api: EngineApi, root: string) {
    this.api = api;
    this.root = root;
  }

  static async create(sites: number): Promise<SimulatedWorkspace> {
    const api = await new EngineApi({ startup: 0 }).listen();
    const made = new SimulatedWorkspace(api, await mkdtemp(join(tmpdir(), "terrace-simulated-")));
    process.env.DOCKER_HOST = api.host;
    process.env.XDG_CACHE_HOME = join(made.root, ".cache");
    await writeFile(join(made.root, "platform.yaml"), "platform: honghe\ndomain: honghe.localhost\n");
    await writeSites(made.root, siteNames(sites));
    await deploySimulated(made.root, api);
    return made;
  }

  async close(): Promise<void> {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await this.api.close();
    await rm(this.root, { recursive: true, force: true });
  }
}
