import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, readlinkSync, statSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import Dockerode from "dockerode";
import { connect } from "../../modules/docker/client.ts";
import { lastWords } from "./daemon.ts";
import { isAlive, maker, uniquePlatform } from "./names.ts";
import { requirePackages } from "./packages.ts";
import { freeRanges } from "./ranges.ts";

const call = promisify(execFile);
/** Where servers have their disks. */
const DISKS = "/var/lib/terrace-test-servers";
const SWITCH = "sw";

/** Programs of this machine run by their name; the error holds what they said. */
async function sh(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await call(program, args, { env: { ...process.env, LC_ALL: "C" } });
  return stdout;
}

/** In a server's log of Docker, where it fell over. */
const FELL = "terrace test: dockerd is not there any more, and is started again";

/** What a server's first process does: a host name, a `/run`, `/tmp`, `/etc/docker`, `/var/lib/docker` and log of its own, then sshd. */
const BOOT = `set -e
hostname "$NAME"
# Mounts of the machine's own Docker would be held here for as long as this server runs.
awk '$5 ~ "^/(var/lib/docker|run/docker)" { print $5 }' /proc/self/mountinfo | tac | while read -r each; do umount -l "$each" 2>/dev/null || true; done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/sshd /run/lock
mount --bind "$DISK/etc-docker" /etc/docker
mount --bind "$DISK/docker" /var/lib/docker
mount --bind "$DISK/log" /var/log
[ -z "$SMALL" ] || mount -t tmpfs -o "size=$SMALL" tmpfs /var/lib/docker
# The socket of the machine's own engine is out of reach, and so is its state.
ip link set lo up
# A Docker that falls over is started again, as systemd does it.
(gone=-1; while sleep 2; do
  if pidof dockerd >/dev/null; then gone=0; elif [ $gone -ge 0 ]; then gone=$((gone + 1)); fi
  [ $gone -ge 2 ] || continue
  gone=0
  echo "${FELL}" >>/var/log/dockerd.log
  pkill -x containerd || true
  setsid dockerd </dev/null >>/var/log/dockerd.log 2>&1 &
done) >/dev/null 2>&1 &
exec docker-init -- /usr/sbin/sshd -D -e -f "$DISK/sshd_config"
`;

export interface ServerOptions {
  /** Size of the disk for Docker, e.g. `8m`: a full one. The machine's own where absent. */
  disk?: string;
}

/** One server: a network, a host name, processes, mounts and an sshd of its own. Nothing but Debian is on it: Docker does not run. */
export class Server {
  readonly name: string;
  readonly address: string;
  readonly disk: string;
  readonly #rig: string;
  readonly #options: ServerOptions;
  #first: number | undefined;

  constructor(rig: string, name: string, address: string, options: ServerOptions) {
    this.#rig = rig;
    this.name = name;
    this.address = address;
    this.disk = join(DISKS, rig, name);
    this.#options = options;
  }

  get namespace(): string {
    return `${this.#rig}-${this.name}`;
  }

  /** Lays out the disk and the wire, and switches the server on. */
  async install(prefix: number, gateway: string): Promise<void> {
    await layOut(this, this.#rig);
    const [sw, ns] = [`${this.#rig}-${SWITCH}`, this.namespace];
    await sh("ip", "netns", "add", ns);
    await sh("ip", "link", "add", this.name, "netns", sw, "type", "veth", "peer", "name", "eth0", "netns", ns);
    await sh("ip", "-n", sw, "link", "set", this.name, "master", "br0", "up");
    await sh("ip", "-n", ns, "addr", "add", `${this.address}/${prefix}`, "dev", "eth0");
    await sh("ip", "-n", ns, "link", "set", "eth0", "up");
    await sh("ip", "-n", ns, "route", "add", "default", "via", gateway);
    await this.powerOn();
  }

  /** Starts it. Docker starts with it where it was installed before, as it does on a real one. */
  async powerOn(): Promise<void> {
    const args = [`--net=/run/netns/${this.namespace}`, "unshare", "-muip", "-f", "--kill-child=KILL", "--mount-proc"];
    const child = spawn("nsenter", [...args, "--propagation", "private", "sh", "-c", BOOT], {
      env: { PATH: process.env.PATH, NAME: this.name, DISK: this.disk, SMALL: this.#options.disk ?? "" },
      stdio: "ignore",
      detached: true,
    });
    child.unref();
    this.#first = child.pid;
    await writeFile(join(this.disk, "pid"), String(child.pid));
    await until(`sshd of ${this.name}`, () => sh("ssh-keyscan", "-T", "2", "-t", "ed25519", this.address));
    if (existsSync(join(this.disk, "docker", "swarm")))
      await this.run("(setsid dockerd </dev/null >>/var/log/dockerd.log 2>&1 &)");
  }

  /** As if somebody pulled the plug. */
  async powerOff(): Promise<void> {
    await killServer(this.disk, this.namespace);
    this.#first = undefined;
  }

  /** Takes its network away, or gives it back. */
  async cut(): Promise<void> {
    await sh("ip", "-n", `${this.#rig}-${SWITCH}`, "link", "set", this.name, "down");
  }

  async mend(): Promise<void> {
    await sh("ip", "-n", `${this.#rig}-${SWITCH}`, "link", "set", this.name, "up");
  }

  /** Runs a shell script on it, past SSH. */
  async run(script: string): Promise<string> {
    return sh("nsenter", "-t", String(await this.#init()), "-a", "sh", "-c", script);
  }

  /** Gives it images that this machine has; layers that they share go over once. */
  async load(images: string[]): Promise<void> {
    const there = `nsenter -t ${await this.#init()} -a docker load -q`;
    await sh("bash", "-o", "pipefail", "-c", `docker save "$@" | ${there}`, "bash", ...images);
  }

  /** Its Docker Engine, past SSH. */
  async docker(): Promise<Dockerode> {
    return new Dockerode({ socketPath: `/proc/${await this.#init()}/root/run/docker.sock` });
  }

  async #init(): Promise<number> {
    return firstProcess(this.#first ?? Number(await readFile(join(this.disk, "pid"), "utf8")));
  }
}

/** Several servers at one switch, with real sshds, on this one machine. Other runs do not meet them. */
export class Servers {
  readonly name: string;
  readonly subnet: string;
  readonly list: Server[] = [];

  private constructor(name: string, subnet: string) {
    this.name = name;
    this.subnet = subnet;
  }

  /** So many empty servers: `n1`, `n2`, ... */
  static async create(count: number): Promise<Servers> {
    await requirePackages({ "/usr/sbin/sshd": "openssh-server" });
    await removeAbandonedServers();
    const rig = new Servers(uniquePlatform(), (await freeRanges(await connect())).edge);
    try {
      await rig.#wire();
      await Promise.all(Array.from({ length: count }, () => rig.add()));
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  /** One more. */
  async add(options: ServerOptions = {}): Promise<Server> {
    const number = this.list.length + 1;
    const server = new Server(this.name, `n${number}`, this.#address(10 + number), options);
    this.list.push(server);
    await server.install(24, this.#address(1));
    return server;
  }

  get(name: string): Server {
    const server = this.list.find((each) => each.name === name);
    if (server === undefined) throw new Error(`there is no server ${name}`);
    return server;
  }

  /** This machine, as the servers and their containers reach it. */
  get gateway(): string {
    return this.#address(1);
  }

  /** The private key that every server lets in, as root. */
  get key(): string {
    return join(DISKS, this.name, "key");
  }

  /** The lines of `known_hosts` by which a client knows the servers. */
  async knownHosts(): Promise<string> {
    const lines = this.list.map(async ({ address, disk }) => {
      return `${address} ${(await readFile(join(disk, "host_key.pub"), "utf8")).split(" ").slice(0, 2).join(" ")}\n`;
    });
    return (await Promise.all(lines)).join("");
  }

  /** Removes all servers and all that was changed for them. */
  async close(): Promise<void> {
    for (const { name, disk } of this.list)
      tellFalls(name, await readFile(join(disk, "log/dockerd.log"), "utf8").catch(() => ""));
    await removeServers(this.name);
  }

  #address(last: number): string {
    return this.subnet.replace(/\.0\/24$/, `.${last}`);
  }

  /** A switch in a namespace of its own: what this machine's firewall does with bridges does not matter there. */
  async #wire(): Promise<void> {
    await mkdir(join(DISKS, this.name), { recursive: true, mode: 0o700 });
    await sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", this.name, "-f", this.key);
    const ns = `${this.name}-${SWITCH}`;
    const wire = wireName(this.name);
    await sh("ip", "netns", "add", ns);
    await sh("ip", "-n", ns, "link", "add", "br0", "type", "bridge");
    await sh("ip", "-n", ns, "link", "set", "br0", "up");
    await sh("ip", "link", "add", wire, "type", "veth", "peer", "name", "uplink", "netns", ns);
    await sh("ip", "-n", ns, "link", "set", "uplink", "master", "br0", "up");
    await sh("ip", "addr", "add", `${this.#address(1)}/24`, "dev", wire);
    await sh("ip", "link", "set", wire, "up");
    for (const rule of firewall(this.name, this.subnet)) await sh("iptables", "-w", ...rule("-I"));
  }
}

/** Whoever reads why a test failed is to see that Docker itself fell over, and what it said at last. */
function tellFalls(name: string, log: string): void {
  for (const words of log.split(FELL).slice(0, -1)) console.error(`dockerd of ${name} fell over:\n${lastWords(words)}`);
}

/** The servers reach package mirrors through this machine. */
function firewall(rig: string, subnet: string): ((action: string) => string[])[] {
  const note = ["-m", "comment", "--comment", rig];
  const wire = wireName(rig);
  return [
    (action) => [action, "FORWARD", "-i", wire, ...note, "-j", "ACCEPT"],
    (action) => [action, "FORWARD", "-o", wire, ...note, "-j", "ACCEPT"],
    (action) => ["-t", "nat", action, "POSTROUTING", "-s", subnet, "!", "-o", wire, ...note, "-j", "MASQUERADE"],
  ];
}

/** An interface's name has at most 15 characters. */
function wireName(rig: string): string {
  return rig.replace("tt-", "tt").slice(0, 15);
}

async function layOut({ disk, name, address }: Server, rig: string): Promise<void> {
  for (const folder of ["etc-docker", "docker", "log"]) await mkdir(join(disk, folder), { recursive: true });
  await mkdir("/etc/docker", { recursive: true });
  await mkdir("/var/lib/docker", { recursive: true });
  await sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(disk, "host_key"));
  await copyFile(join(disk, "..", "key.pub"), join(disk, "authorized_keys"));
  await chmod(join(disk, "authorized_keys"), 0o600);
  // What this machine's administrator has set stays: the control group in which the containers of this server are found again.
  await writeFile(join(disk, "etc-docker", "daemon.json"), JSON.stringify({ "cgroup-parent": `/${rig}/${name}` }));
  const lines = [
    `ListenAddress ${address}`,
    `HostKey ${join(disk, "host_key")}`,
    `AuthorizedKeysFile ${join(disk, "authorized_keys")}`,
    "PidFile /run/sshd.pid",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "StrictModes no",
    "UseDNS no",
    "MaxStartups 50",
  ];
  await writeFile(join(disk, "sshd_config"), `${lines.join("\n")}\n`);
}

/** The process that is number 1 in the server: the child of the one that was started. */
async function firstProcess(started: number): Promise<number> {
  const child = (await readFile(`/proc/${started}/task/${started}/children`, "utf8")).trim().split(" ")[0];
  if (child === undefined || child === "") throw new Error("the server is off");
  return Number(child);
}

/** Ends all processes of a server: they end with its first one. */
async function killServer(disk: string, namespace: string): Promise<void> {
  const pid = Number(await readFile(join(disk, "pid"), "utf8").catch(() => "0"));
  if (pid > 0 && isIn(pid, namespace)) {
    process.kill(pid, "SIGKILL");
    await until(`${namespace} is off`, async () => {
      if (isAlive(pid) && isIn(pid, namespace)) throw new Error("it runs");
    });
  }
}

/** A number of a process that ended is given to another one some day. */
function isIn(pid: number, namespace: string): boolean {
  try {
    const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1];
    return Number(inode) === statSync(`/run/netns/${namespace}`).ino;
  } catch {
    return false;
  }
}

/** Removes the servers of test processes that are gone. */
export async function removeAbandonedServers(): Promise<void> {
  for (const rig of await readdir(DISKS).catch(() => [] as string[])) {
    const pid = maker(rig);
    if (pid !== undefined && !isAlive(pid)) await removeServers(rig);
  }
}

async function removeServers(rig: string): Promise<void> {
  const folder = join(DISKS, rig);
  const namespaces = (await sh("ip", "netns", "list")).split("\n").map((line) => line.split(" ")[0] ?? "");
  const own = namespaces.filter((name) => name.startsWith(`${rig}-`));
  for (const name of own) await killServer(join(folder, name.slice(rig.length + 1)), name);
  const rules = await sh("iptables-save").catch(() => "");
  const subnet = new RegExp(`-A POSTROUTING -s (\\S+) .*${rig}`).exec(rules)?.[1] ?? "192.0.2.0/24";
  for (const rule of firewall(rig, subnet)) await sh("iptables", "-w", ...rule("-D")).catch(() => undefined);
  await sh("ip", "link", "del", wireName(rig)).catch(() => undefined);
  for (const name of own) await sh("ip", "netns", "del", name).catch(() => undefined);
  await removeGroups(rig);
  await until(`the disks of ${rig} are gone`, () => rm(folder, { recursive: true, force: true }));
}

/** Control groups are folders that only `rmdir` removes, the inner ones first. */
async function removeGroups(rig: string): Promise<void> {
  const roots = ["/sys/fs/cgroup", ...(await readdir("/sys/fs/cgroup")).map((each) => join("/sys/fs/cgroup", each))];
  for (const root of roots.map((each) => join(each, rig)).filter((each) => existsSync(each))) {
    await sh("find", root, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").catch(() => undefined);
  }
}

/** Tries until it works, two minutes at most: a machine may have other things to do. */
async function until(what: string, work: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 120_000;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${String(error)}`);
      await sleep(100 + randomInt(50));
    }
  }
}
