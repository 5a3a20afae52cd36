import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type Dockerode from "dockerode";
import tar from "tar-stream";
import { connect } from "../../modules/docker/client.ts";
import { EDGE, type EdgeModel, renderEdge } from "../../modules/edge/index.ts";
import { bootstrapBase } from "../../modules/host/base-image.ts";
import { certificatePem, createRoot } from "../../modules/tls/root.ts";
import { removePlatform } from "../support/cleanup.ts";
import { uniquePlatform } from "../support/names.ts";

const BASE = "127.0.0.1:5325/terrace/base";

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** A network of its own with two servers of one site, an edge and the server that it fetches its configuration from. */
export class EdgeRig {
  /** Every object is named after it. */
  readonly id = uniquePlatform();
  readonly #docker: Dockerode;
  readonly #folder: string;
  readonly #containers = new Map<string, Dockerode.Container>();
  #agent: https.Agent | undefined;
  #ca = "";
  gateway = "";

  private constructor(docker: Dockerode, folder: string) {
    this.#docker = docker;
    this.#folder = folder;
  }

  static async create(): Promise<EdgeRig> {
    const rig = new EdgeRig(await connect(), await mkdtemp(join(tmpdir(), "terrace-edge-")));
    try {
      await rig.#prepare();
    } catch (error) {
      await rig.destroy();
      throw error;
    }
    return rig;
  }

  /** The name under which the network knows the site's servers. */
  get upstream(): string {
    return `${this.id}_web`;
  }

  container(name: string): Dockerode.Container {
    const container = this.#containers.get(name);
    if (container === undefined) throw new Error(`no container ${name}`);
    return container;
  }

  /** Starts a static server with these files, reachable under `alias` too. */
  async startStatic(name: string, files: Record<string, string>, alias: string[] = []): Promise<void> {
    const folder = join(this.#folder, name);
    await mkdir(folder, { recursive: true });
    for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
    await this.#start(name, `${this.id}/static:1`, { binds: [`${folder}:/srv/www:ro`], alias });
  }

  async startEdge(): Promise<void> {
    await this.#start("edge", `${this.id}/edge:1`, {
      binds: [`${join(this.#folder, "ca.pem")}:/run/secrets/ca.pem:ro`, `${this.id}_data:/data`],
      alias: [],
      // What is published here has always the same server.
      env: [`EDGE_CONFIG_URL=http://${this.id}_config:8080/caddy.json.gz`, "EDGE_CONFIG_ASK=1"],
      ports: true,
      sysctls: EDGE.sysctls,
    });
  }

  /** Puts bytes in the place of the configuration. */
  async publish(bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, "config", "caddy.json.gz");
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  }

  /** Publishes what the model renders to and waits, 30 s at most, until the edge runs it. */
  async deploy(model: EdgeModel): Promise<string> {
    const { revision, caddy } = renderEdge(model);
    await this.publish(gzipSync(JSON.stringify(caddy)));
    await this.until(async () => (await this.revision()) === revision, `revision ${revision}`);
    return revision;
  }

  async revision(): Promise<string> {
    const answer = await this.plain("edge.terrace.invalid", "/").catch(() => undefined);
    return answer?.body ?? "";
  }

  async until(condition: () => Promise<boolean>, what: string, limit = 30_000): Promise<void> {
    const end = Date.now() + limit;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what}\n${await this.logs("edge")}`);
      await sleep(50);
    }
  }

  async logs(name: string): Promise<string> {
    const raw = (await this.container(name).logs({ stdout: true, stderr: true })) as unknown as Buffer;
    const lines: string[] = [];
    // Each frame of the log has a header of 8 bytes, the last four of which are the length of what follows.
    for (let at = 0; at + 8 <= raw.length; at += 8 + raw.readUInt32BE(at + 4)) {
      lines.push(raw.toString("utf8", at + 8, at + 8 + raw.readUInt32BE(at + 4)));
    }
    return lines.join("");
  }

  /** Runs a script in a container and gives what it printed. */
  async run(name: string, script: string): Promise<string> {
    const exec = await this.container(name).exec({
      Cmd: ["sh", "-ec", script],
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
    });
    const stream = await exec.start({ Tty: true });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  }

  async plain(host: string, path: string, options: http.RequestOptions = {}): Promise<Answer> {
    const port = await this.#port("8080/tcp");
    const all = { host: "127.0.0.1", port, path, agent: false, ...options };
    return ask(() => http.request({ ...all, headers: { host, ...options.headers } }));
  }

  async secure(host: string, path: string, options: https.RequestOptions = {}, body?: Uint8Array): Promise<Answer> {
    const port = await this.#port("8443/tcp");
    this.#agent ??= new https.Agent({ keepAlive: true, maxSockets: 64 });
    const all = { host: "127.0.0.1", port, path, servername: host, ca: this.#ca, agent: this.#agent, ...options };
    return ask(() => https.request({ ...all, headers: { host, ...options.headers } }), body);
  }

  async destroy(): Promise<void> {
    this.#agent?.destroy();
    await removePlatform(this.#docker, this.id);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    const base = await this.#base();
    for (const image of ["static", "edge"]) await this.#build(image, base);
    const root = await createRoot(this.id, new Date());
    this.#ca = certificatePem(root.certificate);
    // The user of the edge's image is not the one who runs the tests.
    await writeFile(join(this.#folder, "ca.pem"), root.pem, { mode: 0o644 });
    const network = await this.#docker.createNetwork({ Name: `${this.id}_net`, Driver: "bridge" });
    this.gateway = (await network.inspect()).IPAM?.Config?.[0]?.Gateway ?? "";
  }

  async #base(): Promise<string> {
    const images = await this.#docker.listImages();
    const known = images.flatMap((image) => image.RepoTags ?? []).find((tag) => tag.startsWith(`${BASE}:`));
    if (known !== undefined) return known;
    await bootstrapBase(this.#docker, `${BASE}:test`, () => undefined);
    return `${BASE}:test`;
  }

  async #build(image: string, base: string): Promise<void> {
    const folder = new URL(`../../modules/images/${image}/`, import.meta.url);
    const pack = tar.pack();
    for (const name of await readdir(folder)) pack.entry({ name }, await readFile(new URL(name, folder)));
    pack.finalize();
    const t = `${this.id}/${image}:1`;
    const stream = await this.#docker.buildImage(pack as unknown as NodeJS.ReadableStream, {
      t,
      buildargs: { BASE: base },
    });
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #start(
    name: string,
    image: string,
    options: {
      binds: string[];
      alias: string[];
      env?: string[];
      ports?: boolean;
      sysctls?: Record<string, string>;
    },
  ): Promise<void> {
    const container = await this.#docker.createContainer({
      name: `${this.id}_${name}`,
      Image: image,
      Env: options.env ?? [],
      ExposedPorts: { "8080/tcp": {}, "8443/tcp": {} },
      HostConfig: {
        Binds: options.binds,
        ReadonlyRootfs: true,
        Tmpfs: { "/tmp": "" },
        CapDrop: ["ALL"],
        Sysctls: options.sysctls ?? {},
        NetworkMode: `${this.id}_net`,
        PortBindings: options.ports
          ? { "8080/tcp": [{ HostIp: "127.0.0.1" }], "8443/tcp": [{ HostIp: "127.0.0.1" }] }
          : {},
      },
      NetworkingConfig: { EndpointsConfig: { [`${this.id}_net`]: { Aliases: options.alias } } },
    });
    this.#containers.set(name, container);
    await container.start();
  }

  async #port(inside: string): Promise<number> {
    const state = await this.container("edge").inspect();
    return Number(state.NetworkSettings.Ports[inside]?.[0]?.HostPort);
  }
}

/**
 * Asks, and asks once more where a connection that was kept open proved to be closed: any server may close one that is idle, as Caddy
 * does when it loads a configuration, and every browser then opens another. A new connection that fails is a failure.
 */
async function ask(open: () => http.ClientRequest, body?: Uint8Array): Promise<Answer> {
  const request = open();
  try {
    return await answerTo(request, body);
  } catch (error) {
    const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
    if (!stale) throw error;
    return ask(open, body);
  }
}

function answerTo(request: http.ClientRequest, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    request.end(body);
  });
}
