import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type Dockerode from "dockerode";
import { requirePackages } from "./packages.ts";
import { freePort } from "./ports.ts";

const call = promisify(execFile);

/** The servers below, and restic itself for what a person does by hand. */
export function requireRepositories(): Promise<void> {
  return requirePackages({
    "/usr/bin/rclone": "rclone",
    "/usr/sbin/sshd": "openssh-server",
    "/usr/bin/restic": "restic",
    "/usr/bin/openssl": "openssl",
  });
}

/** This machine, as containers on Docker's own network see it. */
export async function hostAddress(docker: Dockerode): Promise<string> {
  const { IPAM } = await docker.getNetwork("bridge").inspect();
  const [config] = (IPAM?.Config ?? []) as { Gateway?: string; Subnet?: string }[];
  // An engine that has just been installed names its own address only after its next start: it is the range's first.
  const address = config?.Gateway ?? config?.Subnet?.replace(/\d+\/\d+$/, "1");
  if (address === undefined) throw new Error("Docker's own network has no address");
  return address;
}

/** A process that listens on a port, until it is stopped. */
export abstract class Listening {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  #child: ChildProcess | undefined;

  protected constructor(folder: string, host: string, port: number) {
    this.folder = folder;
    this.host = host;
    this.port = port;
  }

  protected async run(program: string, args: string[], env: Record<string, string> = {}): Promise<void> {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let said = "";
    child.stderr?.on("data", (piece: Buffer) => {
      said = `${said}${piece}`.slice(-2000);
    });
    for (let attempt = 0; attempt < 300; attempt++) {
      if (child.exitCode !== null) break;
      if (await listens(this.host, this.port)) return;
      await sleep(100);
    }
    throw new Error(`${program} does not listen:\n${said}`);
  }

  /** Nobody listens then; what it keeps stays. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Whom to trust for it, where it was certified. */
  authority(): Promise<string> {
    return readFile(join(this.folder, "cert.pem"), "utf8");
  }

  /** What a site's repository has of a kind, e.g. `snapshots`, `locks`. */
  async names(site: string, kind: string): Promise<string[]> {
    return (await readdir(join(this.folder, "data", site, kind))).sort();
  }
}

/** Makes `cert.pem` and `key.pem` for a server: a certificate of nobody that is known. */
export async function certify({ folder, host }: Listening): Promise<void> {
  await call("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${host}`, "-addext", `subjectAltName=IP:${host}`],
    ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
  ]);
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** restic's REST protocol over TLS, served by rclone: takes, and removes nothing but locks. */
export class RestServer extends Listening {
  readonly user = "terrace";
  readonly password = randomBytes(12).toString("hex");

  static async create(host: string): Promise<RestServer> {
    const server = new RestServer(await mkdtemp(join(tmpdir(), "terrace-rest-")), host, await freePort());
    await certify(server);
    await server.start();
    return server;
  }

  get url(): string {
    return `rest:https://${this.host}:${this.port}`;
  }

  /** @param password another one than it knows: it lets nobody in then */
  start(password = this.password): Promise<void> {
    const tls = ["--cert", join(this.folder, "cert.pem"), "--key", join(this.folder, "key.pem")];
    const options = ["--append-only", "--addr", `${this.host}:${this.port}`, "--user", this.user, ...tls];
    const env = { RCLONE_PASS: password, RCLONE_CONFIG: join(this.folder, "none") };
    return this.run("rclone", ["serve", "restic", ...options, join(this.folder, "data")], env);
  }
}

/** OpenSSH's own server: nothing but files, and for one key. */
export class SftpServer extends Listening {
  static async create(host: string): Promise<SftpServer> {
    const server = new SftpServer(await mkdtemp(join(tmpdir(), "terrace-sftp-")), host, await freePort());
    const at = (name: string) => join(server.folder, name);
    for (const name of ["host", "client"]) {
      await call("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", at(name)]);
    }
    await mkdir(at("data"));
    const lines = [
      `ListenAddress ${host}`,
      `Port ${server.port}`,
      `HostKey ${at("host")}`,
      `AuthorizedKeysFile ${at("client.pub")}`,
      `PidFile ${at("pid")}`,
      "Subsystem sftp internal-sftp",
      "ForceCommand internal-sftp",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "UsePAM no",
      "StrictModes no",
      "UseDNS no",
    ];
    await writeFile(at("sshd_config"), `${lines.join("\n")}\n`);
    await mkdir("/run/sshd", { recursive: true });
    await server.start();
    return server;
  }

  start(): Promise<void> {
    return this.run("/usr/sbin/sshd", ["-D", "-e", "-f", join(this.folder, "sshd_config")]);
  }

  get url(): string {
    return `sftp://root@${this.host}:${this.port}/${join(this.folder, "data")}`;
  }

  key(): Promise<string> {
    return readFile(join(this.folder, "client"), "utf8");
  }

  async knownHosts(): Promise<string> {
    const [type, key] = (await readFile(join(this.folder, "host.pub"), "utf8")).split(" ");
    return `[${this.host}]:${this.port} ${type} ${key}\n`;
  }
}

/** A place of its own size on this machine. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(size: string): Promise<SmallDisk> {
    const disk = new SmallDisk(await mkdtemp(join(tmpdir(), "terrace-disk-")));
    await call("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk.folder]);
    return disk;
  }

  async resize(size: string): Promise<void> {
    await call("mount", ["-o", `remount,size=${size}`, this.folder]);
  }

  async close(): Promise<void> {
    await call("umount", ["-l", this.folder]);
    await rm(this.folder, { recursive: true });
  }
}

/** `restic` by hand, with a password, and what else the place asks for in the environment. */
export async function resticByHand(
  password: string,
  args: string[],
  keys: Record<string, string> = {},
): Promise<{ code: number; all: string }> {
  const env = { ...process.env, RESTIC_PASSWORD: password, ...keys };
  return call("restic", ["--no-cache", ...args], { env, timeout: 60_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, all: stdout + stderr }),
    ({ code, stdout = "", stderr = "" }) => ({ code: typeof code === "number" ? code : 1, all: `${stdout}${stderr}` }),
  );
}
