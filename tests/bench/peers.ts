import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { call } from "../../modules/docker/index.ts";
import type { Json } from "../../modules/engine/model.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { mapLimit } from "../../stacks/limit.ts";
import { makePlan } from "../../stacks/plan.ts";
import { requireDone, runTimed, timed } from "./measure.ts";
import type { Rig } from "./rig.ts";

/** The very specifications that Terrace would create for the sites; to be read while nothing is deployed. */
export async function siteSpecs(rig: Rig): Promise<Json[]> {
  const root = rig.workspace.folder;
  const { platform, sites, asOf } = await loadWorkspace({ root });
  if (platform === undefined) throw new Error("the bench's own platform.yaml is wrong");
  const plan = await makePlan({ docker: rig.docker, root, platform, sites, date: asOf, only: [] });
  const changes = plan.sites.flatMap((each) => each.changes);
  return changes.flatMap(({ kind, desired }) => (kind === "service" && desired !== undefined ? [desired.spec] : []));
}

/** As many services, created through the API with nothing around: what the engine itself needs. Ends when all run. */
export async function bareCreates(rig: Rig, specs: Json[]): Promise<number> {
  const network = `${rig.name}-bare`;
  await makeNetwork(rig, network);
  const { wall } = await timed(async () => {
    await mapLimit(8, specs, (spec) => {
      const { TaskTemplate, Name, ...rest } = spec;
      const template = { ...(TaskTemplate as Json), Networks: [{ Target: network }] };
      const body = { ...rest, Name: bareName(rig, String(Name)), Labels: {}, TaskTemplate: template };
      return call(rig.docker, "POST", "/services/create", {}, body);
    });
    await rig.running(`${rig.name}-bare_`, specs.length);
  });
  return wall;
}

function bareName(rig: Rig, name: string): string {
  return `${rig.name}-bare_${name.slice(rig.name.length + 1)}`;
}

function makeNetwork(rig: Rig, Name: string): Promise<unknown> {
  const IPAM = { Config: [{ Subnet: rig.range }] };
  return call(rig.docker, "POST", "/networks/create", {}, { Name, Driver: "overlay", Attachable: true, IPAM });
}

/** A Docker CLI with `docker stack deploy`. */
export interface StackCli {
  program: string;
  /** Newer ones wait for the tasks unless told otherwise, older ones know no such option. */
  options: string[];
}

/** The Docker CLI of this machine, or `undefined` where it has none. */
export async function stackCli(): Promise<StackCli | undefined> {
  for (const program of ["docker", "/usr/bin/docker"]) {
    const found = await runTimed(program, ["stack", "deploy", "--help"]).catch(() => undefined);
    if (found?.code !== 0) continue;
    const detach = found.output.includes("--detach") ? ["--detach=true"] : [];
    return { program, options: ["--resolve-image", "never", ...detach] };
  }
  return undefined;
}

/** `docker stack deploy`, one stack for each site with the same image and the same limits, as one would by hand. */
export class StackPeer {
  readonly #rig: Rig;
  readonly #cli: StackCli;
  readonly #files: { stack: string; file: string }[] = [];

  constructor(rig: Rig, cli: StackCli) {
    this.#rig = rig;
    this.#cli = cli;
  }

  async prepare(specs: Json[]): Promise<void> {
    const folder = join(this.#rig.workspace.folder, "compose");
    await mkdir(folder, { recursive: true });
    const network = `${this.#rig.name}-bare`;
    for (const spec of specs) {
      const site = String(spec.Name).slice(`${this.#rig.name}-site-`.length).replace(/_web$/, "");
      const file = join(folder, `${site}.yml`);
      await writeFile(file, composeFile(imageOf(spec), network));
      this.#files.push({ stack: `${this.#rig.name}-peer-${site}`, file });
    }
    await makeNetwork(this.#rig, network);
  }

  /** Deploys all stacks one after another; ms until the last command is done. */
  async deploy(): Promise<number> {
    const { wall } = await timed(async () => {
      for (const { stack, file } of this.#files) {
        const { program, options } = this.#cli;
        const run = await runTimed(program, ["stack", "deploy", ...options, "-c", file, stack]);
        requireDone(run, `docker stack deploy ${stack}`);
      }
    });
    return wall;
  }

  /** The same, and until all tasks run. */
  async deployAndWait(): Promise<number> {
    const { wall } = await timed(async () => {
      await this.deploy();
      await this.#rig.running(`${this.#rig.name}-peer-`, this.#files.length);
    });
    return wall;
  }
}

export function imageOf(spec: Json): string {
  return String((spec.TaskTemplate as { ContainerSpec: Json }).ContainerSpec.Image);
}

function composeFile(image: string, network: string): string {
  return `version: "3.8"
services:
  web:
    image: ${image}
    user: "10001:10001"
    read_only: true
    init: true
    cap_drop: [ALL]
    volumes: [{ type: tmpfs, target: /tmp, tmpfs: { size: 16777216 } }]
    stop_grace_period: 20s
    logging: { driver: json-file, options: { max-size: 10m, max-file: "3" } }
    networks: [edge]
    deploy:
      endpoint_mode: dnsrr
      replicas: 1
      resources: { limits: { cpus: "0.25", memory: 32M }, reservations: { memory: 32M } }
      restart_policy: { condition: any, delay: 2s }
      update_config: { order: start-first, failure_action: rollback, monitor: 2s }
networks:
  edge: { external: true, name: ${network} }
`;
}
