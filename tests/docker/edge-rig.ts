import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import * as x509 from "@peculiar/x509";
import type Dockerode from "dockerode";
import tar from "tar-stream";
import { connect } from "../../modules/docker/client.ts";
import { type EdgeModel, renderEdge } from "../../modules/edge/index.ts";
import { bootstrapBase } from "../../modules/host/base-image.ts";

const BASE = "127.0.0.1:5325/terrace/base";

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** A network of its own with two servers of one site, an edge and the server that it fetches its configuration from. */
export class EdgeRig {
  readonly id = randomBytes(4).toString("hex");
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
    return `web-${this.id}`;
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
    await this.#start(name, `terrace-test/static:${this.id}`, { binds: [`${folder}:/srv/www:ro`], alias });
  }

  async startEdge(): Promise<void> {
    const secrets = ["ca.crt", "ca.key"].map((file) => `${join(this.#folder, file)}:/run/secrets/${file}:ro`);
    await this.#start("edge", `terrace-test/edge:${this.id}`, {
      binds: [...secrets, `edge-test-${this.id}:/data`],
      alias: [],
      env: [`EDGE_CONFIG_URL=http://config-${this.id}:8080/caddy.json.gz`],
      ports: true,
    });
  }

  /** Puts bytes in the place of the configuration. */
  async publish(bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, "config", "caddy.json.gz");
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  }

  /** Publishes what the model renders to and waits, 15 s at most, until the edge runs it. */
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
    // Each frame of the log has a header of 8 bytes.
    return raw.toString("utf8").replace(/[\u0001\u0002]\0\0\0[^]{4}/g, "");
  }

  async plain(host: string, path: string, options: http.RequestOptions = {}): Promise<Answer> {
    const port = await this.#port("8080/tcp");
    return ask(
      http.request({ host: "127.0.0.1", port, path, agent: false, ...options, headers: { host, ...options.headers } }),
    );
  }

  async secure(host: string, path: string, options: https.RequestOptions = {}, body?: Uint8Array): Promise<Answer> {
    const port = await this.#port("8443/tcp");
    this.#agent ??= new https.Agent({ keepAlive: true, maxSockets: 64 });
    const all = { host: "127.0.0.1", port, path, servername: host, ca: this.#ca, agent: this.#agent, ...options };
    return ask(https.request({ ...all, headers: { host, ...options.headers } }), body);
  }

  async destroy(): Promise<void> {
    this.#agent?.destroy();
    for (const container of this.#containers.values())
      await container.remove({ force: true, v: true }).catch(() => undefined);
    await this.#docker
      .getVolume(`edge-test-${this.id}`)
      .remove({ force: true })
      .catch(() => undefined);
    await this.#docker
      .getNetwork(`edge-test-${this.id}`)
      .remove()
      .catch(() => undefined);
    for (const image of ["static", "edge"]) {
      await this.#docker
        .getImage(`terrace-test/${image}:${this.id}`)
        .remove({ force: true })
        .catch(() => undefined);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    const base = await this.#base();
    for (const image of ["static", "edge"]) await this.#build(image, base);
    const { certificate, key } = await makeRoot();
    this.#ca = certificate;
    await writeFile(join(this.#folder, "ca.crt"), certificate, { mode: 0o644 });
    await writeFile(join(this.#folder, "ca.key"), key, { mode: 0o644 });
    const network = await this.#docker.createNetwork({ Name: `edge-test-${this.id}`, Driver: "bridge" });
    this.gateway = (await network.inspect()).IPAM.Config[0].Gateway;
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
    const t = `terrace-test/${image}:${this.id}`;
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
    options: { binds: string[]; alias: string[]; env?: string[]; ports?: boolean },
  ): Promise<void> {
    const container = await this.#docker.createContainer({
      name: `${name}-${this.id}`,
      Image: image,
      Env: options.env ?? [],
      ExposedPorts: { "8080/tcp": {}, "8443/tcp": {} },
      HostConfig: {
        Binds: options.binds,
        ReadonlyRootfs: true,
        Tmpfs: { "/tmp": "" },
        CapDrop: ["ALL"],
        NetworkMode: `edge-test-${this.id}`,
        PortBindings: options.ports
          ? { "8080/tcp": [{ HostIp: "127.0.0.1" }], "8443/tcp": [{ HostIp: "127.0.0.1" }] }
          : {},
      },
      NetworkingConfig: { EndpointsConfig: { [`edge-test-${this.id}`]: { Aliases: options.alias } } },
    });
    this.#containers.set(name, container);
    await container.start();
  }

  async #port(inside: string): Promise<number> {
    const state = await this.container("edge").inspect();
    return Number(state.NetworkSettings.Ports[inside]?.[0]?.HostPort);
  }
}

function ask(request: http.ClientRequest, body?: Uint8Array): Promise<Answer> {
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

async function makeRoot(): Promise<{ certificate: string; key: string }> {
  x509.cryptoProvider.set(crypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Terrace test root",
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 365 * 24 * 3_600_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = key.replace(/.{64}/g, "$&\n");
  return {
    certificate: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
  };
}
