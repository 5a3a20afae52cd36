import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const call = promisify(execFile);

/** Package that brings each program that is needed here. */
const TOOLS: Record<string, string> = {
  "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
  "/usr/bin/genisoimage": "genisoimage",
  "/usr/bin/mmdebstrap": "mmdebstrap",
  "/sbin/mke2fs": "e2fsprogs",
  "/usr/bin/ssh-keyscan": "openssh-client",
};

/** What Debian's own cloud image has, as far as it matters here. Docker is not in it: cloud-init installs that. */
const PACKAGES = [
  "systemd-sysv",
  "systemd-resolved",
  "udev",
  "dbus",
  "linux-image-cloud-amd64",
  "initramfs-tools",
  "cloud-init",
  "netplan.io",
  "openssh-server",
  "sudo",
  "locales",
  "ca-certificates",
  "iproute2",
  "procps",
];

/** The image's own part of cloud-init's configuration: the package sources are those of this machine, and stay. */
const IMAGE_CONFIG = `apt: { preserve_sources_list: true }
datasource_list: [NoCloud, None]
locale: C.UTF-8
`;

const APT = 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n';

export type Progress = (line: string) => void;

/** Installs what is missing of the programs, from Debian. */
export async function requireTools(progress: Progress): Promise<void> {
  const missing = Object.entries(TOOLS).flatMap(([path, name]) => (existsSync(path) ? [] : [name]));
  if (missing.length === 0) return;
  progress(`installing ${missing.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) => call("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], { env });
  await apt("update").catch(() => undefined);
  await apt("install", "-y", "--no-install-recommends", ...missing);
}

/** A disk, its kernel and its first ram disk. */
export interface Disk {
  image: string;
  kernel: string;
  initrd: string;
}

/** Makes a bootable Debian from the package mirror, as this machine reaches it: no cloud image is downloaded. */
export async function buildDisk(folder: string, progress: Progress): Promise<Disk> {
  const tree = join(folder, "root");
  progress("making a Debian disk from the package mirror");
  await mkdir(folder, { recursive: true });
  const options = ["--variant=minbase", `--include=${PACKAGES.join(",")}`, "--aptopt=APT::Install-Recommends false"];
  await call("mmdebstrap", [...options, "--quiet", "bookworm", tree], { maxBuffer: 2 ** 26 });
  await writeFile(join(tree, "etc/cloud/cloud.cfg.d/90-image.cfg"), IMAGE_CONFIG);
  await writeFile(join(tree, "etc/apt/apt.conf.d/90image"), APT);
  await writeFile(join(tree, "etc/dpkg/dpkg.cfg.d/90image"), "force-unsafe-io\n");
  await copySources(tree);
  const disk = { image: join(folder, "disk.img"), kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd.img") };
  const boot = join(tree, "boot");
  const files = await readdir(boot);
  const named = (start: string) => join(boot, files.find((name) => name.startsWith(start)) ?? start);
  await copyFile(named("vmlinuz-"), disk.kernel);
  await copyFile(named("initrd.img-"), disk.initrd);
  await call("truncate", ["-s", "6G", disk.image]);
  await call("/sbin/mke2fs", ["-q", "-t", "ext4", "-d", tree, disk.image]);
  await rm(tree, { recursive: true, force: true });
  return disk;
}

/** Package sources, and the proxy if there is one, of this machine: into the test's own disk and nowhere else. */
async function copySources(tree: string): Promise<void> {
  await rm(join(tree, "etc/apt/sources.list"), { force: true });
  for (const part of ["sources.list", "sources.list.d"]) {
    const from = join("/etc/apt", part);
    if (existsSync(from)) await cp(from, join(tree, "etc/apt", part), { recursive: true });
  }
  const lists = join(tree, "etc/apt/sources.list.d");
  for (const name of await readdir(lists).catch(() => [] as string[])) {
    const text = await readFile(join(lists, name), "utf8");
    if (!/debian/i.test(text)) await rm(join(lists, name));
  }
  for (const name of await readdir("/etc/apt/apt.conf.d")) {
    const text = await readFile(join("/etc/apt/apt.conf.d", name), "utf8");
    if (/proxy/i.test(text)) await writeFile(join(tree, "etc/apt/apt.conf.d", name), text);
  }
}

/** What a server finds at its first boot, by cloud-init's NoCloud. */
export interface Seed {
  userData: string;
  metaData: string;
  networkConfig: string;
}

/** A virtual server under QEMU without KVM: slow, and the same everywhere. */
export class VirtualServer {
  readonly #process: ChildProcess;
  readonly #console: string;

  private constructor(process: ChildProcess, console: string) {
    this.#process = process;
    this.#console = console;
  }

  /**
   * Switches it on, at a bridge `br0` in a network namespace.
   *
   * @param disk is written to
   */
  static async boot(folder: string, disk: Disk, seed: Seed, namespace: string): Promise<VirtualServer> {
    const files = { "user-data": seed.userData, "meta-data": seed.metaData, "network-config": seed.networkConfig };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const iso = join(folder, "seed.iso");
    const paths = Object.keys(files).map((name) => join(folder, name));
    await call("genisoimage", ["-quiet", "-output", iso, "-volid", "cidata", "-joliet", "-rock", ...paths]);
    await call("ip", ["-n", namespace, "tuntap", "add", "vm0", "mode", "tap"]);
    await call("ip", ["-n", namespace, "link", "set", "vm0", "master", "br0", "up"]);
    const console = join(folder, "console.log");
    const args = [...machine(), ...drives(disk, iso), "-serial", `file:${console}`];
    const network = [
      "-netdev",
      "tap,id=net,ifname=vm0,script=no,downscript=no",
      "-device",
      "virtio-net-pci,netdev=net",
    ];
    const qemu = ["qemu-system-x86_64", ...args, ...network];
    const child = spawn("nsenter", [`--net=/run/netns/${namespace}`, ...qemu], { stdio: "ignore" });
    return new VirtualServer(child, console);
  }

  /** Whether it is on. */
  get runs(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The last lines that it wrote to its console. */
  async console(count = 20): Promise<string> {
    const text = await readFile(this.#console, "utf8").catch(() => "");
    return text.trimEnd().split("\n").slice(-count).join("\n");
  }

  async powerOff(): Promise<void> {
    if (!this.runs) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
  }
}

function machine(): string[] {
  const cpu = ["-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2", "-m", "1536"];
  const random = ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"];
  return [...cpu, ...random, "-display", "none", "-nodefaults", "-no-reboot"];
}

function drives({ image, kernel, initrd }: Disk, iso: string): string[] {
  const boot = ["-kernel", kernel, "-initrd", initrd, "-append", "root=/dev/vda rw console=ttyS0 panic=-1"];
  const root = ["-drive", `file=${image},if=virtio,format=raw,cache=unsafe`];
  return [...boot, ...root, "-drive", `file=${iso},if=virtio,format=raw,readonly=on`];
}
