import { type ChildProcess, spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { stringify } from "yaml";
import { connect } from "../../modules/docker/index.ts";
import type { OwnImage } from "../../modules/images/index.ts";
import { platformImages } from "../../stacks/images.ts";
import { freeRanges } from "../support/ranges.ts";
import type { RestServer } from "../support/repositories.ts";
import { type ServerOptions, Servers } from "../support/servers.ts";
import { makeSharedImages } from "../support/shared-images.ts";
import { ROOT } from "../support/sources.ts";

export interface Ended {
  code: number | string;
  all: string;
  stdout: string;
}

type NodeEntry = { name: string; address: string; roles: string[]; [key: string]: unknown };

/** Servers, and a workspace whose pool they are. */
export class PoolRig {
  readonly servers: Servers;
  readonly folder: string;
  readonly #networks: { edge: string; control: string };
  #backup: object | undefined;
  /** Of the platform, for visitors. */
  ca: string | undefined;

  private constructor(servers: Servers, folder: string, networks: { edge: string; control: string }) {
    this.servers = servers;
    this.folder = folder;
    this.#networks = networks;
  }

  static async create(count: number): Promise<PoolRig> {
    const servers = await Servers.create(count);
    const folder = await mkdtemp(join(tmpdir(), "terrace-pool-"));
    const rig = new PoolRig(servers, folder, await freeRanges(await connect()));
    await rig.write("secrets/ssh/.keep", "");
    await copyFile(servers.key, join(folder, "secrets/ssh/pool"));
    await chmod(join(folder, "secrets/ssh/pool"), 0o600);
    await rig.trustAll();
    return rig;
  }

  get platform(): string {
    return this.servers.name;
  }

  /** Puts the host keys of all servers where the client looks for them. */
  async trustAll(): Promise<void> {
    await this.write("secrets/ssh/known_hosts", await this.servers.knownHosts());
  }

  async add(options: ServerOptions = {}): Promise<void> {
    await this.servers.add(options);
    await this.trustAll();
  }

  node(name: string, roles: string[], more: object = {}): NodeEntry {
    return { name, address: this.servers.get(name).address, roles, ...more };
  }

  /** This machine's kernel has no IPsec, so the control network is a plain one. */
  async pool(nodes: NodeEntry[], more: object = {}, platform: object = {}): Promise<void> {
    const networks = { ...this.#networks, encrypted: false, ...more };
    const pool = { driver: "ssh", ssh: { key: "pool" }, nodes };
    const all = {
      platform: this.platform,
      domain: "pool.localhost",
      networks,
      pool,
      backup: this.#backup,
      ...platform,
    };
    await this.write("platform.yaml", stringify(all));
  }

  /** From the next {@link pool} on, backups go to a server of this machine, and only when a test asks for them. */
  async backUpTo(server: RestServer): Promise<void> {
    const secrets = {
      REST_USERNAME: server.user,
      REST_PASSWORD: server.password,
      CA_CERT: await server.authority(),
    };
    for (const [name, value] of Object.entries(secrets)) await this.write(`secrets/backup/${name}`, value);
    const never = { schedule: "0 0 1 1 *", prove: "never", check: "0 0 1 1 *" };
    this.#backup = { repository: server.url, credentials: Object.keys(secrets), ...never };
  }

  /**
   * The example cluster: its sites' files and pages, each as it is but the one that fronts an old server: that server is `old`.
   *
   * @returns the sites' names
   */
  async example(old: string): Promise<string[]> {
    for (const part of ["site-configs", "site-content"]) {
      await cp(join(ROOT, part), join(this.folder, part), { recursive: true });
    }
    await this.edit("site-configs/lvchun.yaml", (text) => text.replace(/^serve: .*$/m, `serve: { proxy: "${old}" }`));
    return (await readdir(join(this.folder, "site-configs"))).map((file) => file.replace(".yaml", "")).sort();
  }

  async pages(name: string, replicas: number, more: object = {}): Promise<void> {
    await this.write(`site-content/${name}/index.html`, `<!doctype html><title>${name}</title><p>${name}</p>\n`);
    const kind = name === "www" ? "portal" : "service";
    const serve = { static: `site-content/${name}` };
    await this.site(name, { title: name, kind, domains: [name], serve, scale: { replicas }, ...more });
  }

  /** A site with a volume of its own, whose files it serves. */
  async keeper(name: string, nfs?: object): Promise<void> {
    const { static: server } = await platformImages({});
    const recipe = [
      `FROM ${server.reference}`,
      "USER 0:0",
      "RUN install -d -o 10001 -g 10001 /srv/www/data && echo keeper >/srv/www/index.html",
      "USER 10001:10001",
    ];
    await this.write(`apps/${name}/Dockerfile`, `${recipe.join("\n")}\n`);
    const volumes = [{ name: "data", path: "/srv/www/data", size: "1MiB", nfs }];
    await this.site(name, {
      title: name,
      kind: "service",
      domains: [name],
      serve: { image: { build: `apps/${name}`, volumes } },
    });
  }

  /** Leaves a file in the volume of a site, in the container that runs on a server. */
  async keep(site: string, server: string, file: string): Promise<void> {
    await this.servers.get(server).run(`${this.#inside(site)} sh -c 'echo kept >${file}'`);
  }

  /** Takes the file away again. */
  async lose(site: string, server: string, file: string): Promise<void> {
    await this.servers.get(server).run(`${this.#inside(site)} rm ${file}`);
  }

  /** Whether the volume of a site has a file. */
  async keeps(site: string, server: string, file: string): Promise<boolean> {
    return (await this.servers.get(server).run(`${this.#inside(site)} cat ${file} || true`)) === "kept\n";
  }

  #inside(site: string): string {
    return `docker exec $(docker ps -qf label=com.docker.swarm.service.name=${this.platform}-site-${site}_web)`;
  }

  site(name: string, content: object): Promise<void> {
    return this.write(`site-configs/${name}.yaml`, stringify(content));
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path));
  }

  async edit(path: string, change: (text: string) => string): Promise<void> {
    const before = await readFile(join(this.folder, path), "utf8");
    if (change(before) === before) throw new Error(`nothing to change in ${path}`);
    await this.write(path, change(before));
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), { recursive: true });
    await writeFile(join(this.folder, path), text);
  }

  /** Runs `terrace ARGS`; as soon as it has written what `meanwhile` waits for, that is done. */
  run(args: string[], meanwhile?: { says: string; act(run: ChildProcess): unknown }): Promise<Ended> {
    const child = spawn(process.execPath, [join(ROOT, "scripts/terrace.mjs"), ...args], {
      cwd: this.folder,
      env: { ...process.env, XDG_CACHE_HOME: join(this.folder, ".cache"), NO_COLOR: "1", DOCKER_HOST: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, all] = ["", ""];
    let acted: unknown;
    const written = (piece: string) => {
      all += piece;
      if (acted === undefined && meanwhile !== undefined && all.includes(meanwhile.says)) acted = meanwhile.act(child);
    };
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      stdout += piece;
      written(piece);
    });
    child.stderr.setEncoding("utf8").on("data", written);
    return new Promise((resolve, reject) =>
      child.on("close", (code, signal) => {
        Promise.resolve(acted).then(() => resolve({ code: code ?? signal ?? "", all, stdout }), reject);
      }),
    );
  }

  async learnRoot(): Promise<void> {
    this.ca = (await this.run(["trust"])).stdout;
  }

  /** The status of a visit through the edge of a server, over TLS, checked against the root; the fault's text where there is none. */
  visit(site: string, server: string, limit = 20_000, path = "/"): Promise<string> {
    const host = `${site}.pool.localhost`;
    const address = this.servers.get(server).address;
    return new Promise((resolve) => {
      const call = https.request(
        {
          host: address,
          port: 443,
          path,
          servername: host,
          headers: { host },
          ca: this.ca,
          agent: false,
          timeout: limit,
        },
        (answer) => {
          answer.resume();
          answer.on("end", () => resolve(String(answer.statusCode)));
          answer.on("error", (error) => resolve(error.message));
        },
      );
      call.on("timeout", () => call.destroy(new Error("no answer")));
      call.on("error", (error) => resolve(error.message));
      call.end();
    });
  }

  /** Visits until it answers with 200; ms that took. */
  async until(site: string, server: string, limit: number): Promise<number> {
    const started = Date.now();
    for (;;) {
      if ((await this.visit(site, server, 2000)) === "200") return Date.now() - started;
      if (Date.now() - started > limit) throw new Error(`${site} does not answer at ${server} within ${limit} ms`);
      await sleep(100);
    }
  }

  /** What Swarm on a server says of its nodes: `NAME STATE ROLE AVAILABILITY`, by the names of the pool. */
  async nodes(server: string): Promise<string[]> {
    const docker = await this.servers.get(server).docker();
    const nodes = (await docker.listNodes()) as {
      Spec: { Labels?: Record<string, string>; Role: string; Availability: string };
      Status: { State: string };
    }[];
    return nodes
      .map(({ Spec, Status }) => `${Spec.Labels?.["terrace.node"]} ${Status.State} ${Spec.Role} ${Spec.Availability}`)
      .sort();
  }

  /** The servers on which a site's tasks run. */
  async placed(site: string, server: string): Promise<string[]> {
    const script = `docker service ps -f desired-state=running --format '{{.Node}}' ${this.platform}-site-${site}_web`;
    return (await this.servers.get(server).run(script)).trim().split("\n").sort();
  }

  /** Gives a server the images that all platforms share, as this machine has them: making them takes minutes. */
  async seedImages(server: string, more: OwnImage[] = []): Promise<void> {
    const own: OwnImage[] = ["static", "edge", "registry", ...more];
    const images = await makeSharedImages(await connect(), own, () => undefined);
    const there = await tagsOf(await this.servers.get(server).docker());
    const wanted = images.filter((image) => !there.has(image));
    if (wanted.length > 0) await this.servers.get(server).load(wanted);
  }

  async close(): Promise<void> {
    await this.servers.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function tagsOf(docker: Dockerode): Promise<Set<string>> {
  return new Set((await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []));
}
