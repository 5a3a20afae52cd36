import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Dockerode from "dockerode";

/** What `curl` saw. */
export interface Seen {
  /** 0 where there was no answer. */
  status: number;
  body: string;
}

/**
 * A Docker Engine of the test's own in which containers run, and which may be killed, started again and filled up: own network
 * namespace with nothing but loopback, own mounts, own small disk in memory. What it publishes is reached from inside only: see
 * {@link inside} and {@link visit}.
 */
export class PrivateEngine {
  readonly socket: string;
  readonly docker: Dockerode;
  readonly #folder: string;
  readonly #holder: ChildProcess;
  readonly #group = `/terrace-private-${process.pid}`;
  #daemon: ChildProcess | undefined;
  #log = "";

  private constructor(folder: string, holder: ChildProcess) {
    this.#folder = folder;
    this.#holder = holder;
    this.socket = join(folder, "docker.sock");
    this.docker = new Dockerode({ socketPath: this.socket });
  }

  /**
   * @param megabytes size of its disk
   * @param usr a folder that it and what it starts have in the place of /usr: another release's programs
   */
  static async start(megabytes: number, usr?: string): Promise<PrivateEngine> {
    const folder = await mkdtemp(join(tmpdir(), "terrace-private-"));
    await mkdir(join(folder, "data"));
    // A process that does nothing keeps the namespaces while the daemon is away.
    const loopback = `perl -MSocket -e 'socket(S,AF_INET,SOCK_DGRAM,0); $r=pack("a16sx14","lo",65); ioctl(S,0x8914,$r) or die $!'`;
    const mounts = `mount -t tmpfs tmpfs /run && mount -t tmpfs -o size=${megabytes}m tmpfs ${folder}/data`;
    const programs = usr === undefined ? "true" : `mount --bind ${usr} /usr`;
    const script = `${mounts} && ${loopback} && ${programs} && echo ready && exec sleep infinity`;
    const options = ["--net", "--mount", "--propagation", "private", "sh", "-c", script];
    const holder = spawn("unshare", options, { stdio: ["ignore", "pipe", "inherit"] });
    await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (holder.exitCode !== null) throw new Error("no namespaces for an engine of the test's own");
    const engine = new PrivateEngine(folder, holder);
    await engine.startDaemon();
    return engine;
  }

  /** What comes before a command that is to run in its network. */
  get inside(): string[] {
    return ["nsenter", "-t", String(this.#holder.pid), "--net"];
  }

  /** Starts the daemon. On a busy machine its containerd may not be up within the 15 s that dockerd waits for it: three attempts. */
  async startDaemon(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (await this.#startsDaemon()) return;
      await this.#endContainerd();
      if (attempt < 3 && this.#log.includes("timeout waiting for containerd")) continue;
      throw new Error(`the test's private engine did not start:\n${this.#log.split("\n").slice(-12).join("\n")}`);
    }
  }

  async #startsDaemon(): Promise<boolean> {
    const { socket } = this;
    const folder = this.#folder;
    const paths = ["--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`, "--pidfile", `${folder}/pid`];
    const group = ["--cgroup-parent", this.#group];
    const args = ["--host", `unix://${socket}`, "--bridge", "none", "--storage-driver", "overlay2", ...paths, ...group];
    const enter = ["-t", String(this.#holder.pid), "--net", "--mount"];
    this.#log = "";
    await rm(join(folder, "pid"), { force: true });
    const daemon = spawn("nsenter", [...enter, "dockerd", ...args], { stdio: ["ignore", "ignore", "pipe"] });
    daemon.stderr.on("data", (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-20_000);
    });
    this.#daemon = daemon;
    for (let attempt = 0; attempt < 600 && daemon.exitCode === null; attempt++) {
      if (await this.docker.ping().catch(() => false)) return true;
      await sleep(100);
    }
    return false;
  }

  /** Ends the daemon; SIGKILL takes its containerd along, and leaves its containers behind until it starts again. */
  async stopDaemon(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, "exit");
    daemon.kill(signal);
    const killer = setTimeout(() => daemon.kill("SIGKILL"), 30_000);
    await ended;
    clearTimeout(killer);
    await this.#endContainerd();
  }

  /** A dockerd that is started again may wait for its old containerd for ever. */
  async #endContainerd(): Promise<void> {
    const pid = await readFile(join(this.#folder, "exec/containerd/containerd.pid"), "utf8").catch(() => "");
    if (Number(pid) <= 1) return;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It is gone already.
    }
  }

  /** Where its disk lies, as this process reaches it. */
  get #disk(): string {
    return `/proc/${this.#holder.pid}/root${this.#folder}/data`;
  }

  /** MB that are free on its disk. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#disk);
    return (bavail * bsize) / 1e6;
  }

  /** Fills its disk up to so many MB. */
  async fill(leave: number): Promise<void> {
    const size = Math.max(0, Math.floor(((await this.free()) - leave) * 1e6));
    await writeFile(join(this.#disk, "filler"), Buffer.alloc(size));
  }

  async unfill(): Promise<void> {
    await rm(join(this.#disk, "filler"), { force: true });
  }

  /** Takes images over from another engine, without a registry. Throws where the disk is too small for them. */
  async copyImages(from: Dockerode, references: string[]): Promise<void> {
    const query = references.map((reference) => `names=${encodeURIComponent(reference)}`).join("&");
    const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      const options = { path: `/images/get?${query}&`, method: "GET", isStream: true, statusCodes: { 200: true } };
      from.modem.dial(options as never, (error, answer) => (error ? reject(error as Error) : resolve(answer as never)));
    });
    const answer = await this.docker.loadImage(stream);
    await new Promise<void>((resolve, reject) => {
      this.docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** GET over TLS from inside its network; the certificate is not looked at. */
  async visit(host: string, port: number, path = "/"): Promise<Seen> {
    const where = ["--resolve", `${host}:${port}:127.0.0.1`, `https://${host}:${port}${path}`];
    const curl = ["curl", "-sk", "--max-time", "10", "-w", "\n%{http_code}", ...where];
    const [program = "", ...args] = [...this.inside, ...curl];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    let text = "";
    for await (const piece of child.stdout) text += String(piece);
    const at = text.lastIndexOf("\n");
    return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
  }

  async destroy(): Promise<void> {
    await this.stopDaemon("SIGTERM");
    this.#holder.kill("SIGKILL");
    await once(this.#holder, "exit");
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    const groups = `find /sys/fs/cgroup -depth -type d -path "*${this.#group}*" -exec rmdir {} + 2>/dev/null`;
    await once(spawn("sh", ["-c", groups], { stdio: "ignore" }), "exit");
  }
}
