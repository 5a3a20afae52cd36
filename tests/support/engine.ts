import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import Dockerode from "dockerode";
import { findProgram } from "../../modules/host/facts.ts";

/** A Docker Engine of the test's own: own data, socket, mounts and network (only loopback), so that it meets nobody's. */
export interface OwnEngine {
  socket: string;
  docker: Dockerode;
  stop(): Promise<void>;
}

/** What an engine of one's own needs and this machine lacks; `undefined` where nothing is missing. */
export async function engineObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "needs root";
  for (const name of ["dockerd", "unshare", "perl"]) {
    if ((await findProgram(name, process.env)) === undefined) return `needs the program ${name}`;
  }
  return undefined;
}

/**
 * Starts one; it takes about half a second. Containers do not run in it. On a busy machine its containerd may not be up within the 15 s
 * that dockerd waits for it: three attempts.
 */
export async function ownEngine(): Promise<OwnEngine> {
  for (let attempt = 1; ; attempt++) {
    const { engine, log } = await startEngine();
    if (engine !== undefined) return engine;
    if (attempt < 3 && log.includes("timeout waiting for containerd")) continue;
    throw new Error(`the test's own engine did not start:\n${log.split("\n").slice(-8).join("\n")}`);
  }
}

async function startEngine(): Promise<{ engine?: OwnEngine; log: string }> {
  const folder = await mkdtemp(join(tmpdir(), "terrace-engine-"));
  const socket = join(folder, "docker.sock");
  const child = spawnEngine(folder, socket);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(15_000, undefined, { ref: false }).then(() => child.kill("SIGKILL"));
    await Promise.race([ended, timer]);
    await endContainerd(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const docker = new Dockerode({ socketPath: socket });
  for (let attempt = 0; attempt < 600 && child.exitCode === null; attempt++) {
    if (await docker.ping().catch(() => false)) return { engine: { socket, docker, stop }, log };
    await setTimeout(100);
  }
  await stop();
  return { log };
}

function spawnEngine(folder: string, socket: string) {
  const dockerd = [
    `exec dockerd --data-root ${folder}/data --exec-root ${folder}/exec --pidfile ${folder}/pid --host unix://${socket}`,
    "--bridge=none --iptables=false --storage-driver vfs",
  ].join(" ");
  // Brings up the loopback interface (SIOCSIFFLAGS: up, running). Perl is on every Debian, iproute2 is not.
  const loopback = `perl -MSocket -e 'socket(S,AF_INET,SOCK_DGRAM,0); $r=pack("a16sx14","lo",65); ioctl(S,0x8914,$r) or die $!'`;
  // A private /run keeps its sockets and locks apart from those of the machine's own engine.
  const script = `mount -t tmpfs tmpfs /run && ${loopback} && ${dockerd}`;
  return spawn("unshare", ["--net", "--mount", "sh", "-c", script], { stdio: ["ignore", "ignore", "pipe"] });
}

/** A dockerd that gave its containerd up, or was killed, leaves it. */
async function endContainerd(folder: string): Promise<void> {
  const pid = await readFile(join(folder, "exec/containerd/containerd.pid"), "utf8").catch(() => "");
  if (Number(pid) <= 1) return;
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // It is gone already.
  }
}
