import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectPool, joinPool, listNodes } from "../../modules/nodes/index.ts";
import { cloudInit, cloudInitNetwork, type Pool, type PoolNode } from "../../modules/pool/index.ts";
import { Connection, learnHostKey } from "../../modules/ssh/index.ts";
import { desiredOfSite } from "../support/desired.ts";
import { Servers } from "../support/servers.ts";
import { buildDisk, type Disk, requireTools, VirtualServer } from "../support/virtual-server.ts";

/*
 * One real virtual server, from nothing: a Debian disk, the very cloud-init document that the libvirt stack puts into its seed, and the
 * code of `terrace pool up` that waits for it and joins it to a Swarm with another server. Its kernel has NFS, which that of the machine
 * may not have: what the plan of a site makes of a volume on NFS is mounted here. Without KVM this takes minutes.
 */
const MINUTE = 60_000;
const LIMIT = 90 * MINUTE;
const began = Date.now();

function progress(line: string): void {
  process.stdout.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(6)} s  ${line}\n`);
}

let folder: string;
let rig: Servers;
let server: VirtualServer | undefined;
let pool: Pool;
const signal = new AbortController().signal;

function node(
  name: string,
  address: string,
  roles: PoolNode["roles"],
  availability: PoolNode["availability"],
): PoolNode {
  const ssh = { user: "root", port: 22, key: "pool" };
  return { name, address, roles, labels: {}, availability, ssh, machine: undefined };
}

/** A disk that was made before and is kept, where TERRACE_TEST_VM names a folder for that; a new one else. */
async function diskOf(): Promise<Disk> {
  const kept = process.env.TERRACE_TEST_VM;
  if (kept === undefined) return buildDisk(join(folder, "disk"), progress);
  const made: Disk = { image: join(kept, "disk.img"), kernel: join(kept, "vmlinuz"), initrd: join(kept, "initrd.img") };
  await readFile(made.kernel).catch(() => buildDisk(kept, progress));
  const image = join(folder, "disk.img");
  await cp(made.image, image);
  return { ...made, image };
}

async function nameServers(): Promise<string[]> {
  const text = await readFile("/etc/resolv.conf", "utf8");
  return [...text.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)/gm)].map((match) => match[1] ?? "");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "terrace-vm-"));
  await requireTools(progress);
  const disk = await diskOf();
  progress("starting the server that holds the Swarm");
  rig = await Servers.create(1);
  const address = (last: number) => rig.subnet.replace(/\.0\/24$/, `.${last}`);
  await mkdir(join(folder, "secrets", "ssh"), { recursive: true });
  await cp(rig.key, join(folder, "secrets", "ssh", "pool"));
  await writeFile(join(folder, "secrets", "ssh", "known_hosts"), await rig.knownHosts());
  // All containers are the virtual server's.
  const n1 = node("n1", address(11), ["manager", "edge"], "drain");
  const v1 = node("v1", address(50), ["worker"], "active");
  pool = { driver: "ssh", nodes: [n1, v1], libvirt: undefined };
  const network = { bridge: "br0", range: rig.subnet, gateway: address(1), nameservers: await nameServers() };
  const seed = {
    userData: cloudInit(v1, await readFile(`${rig.key}.pub`, "utf8")),
    metaData: "instance-id: test-v1\nlocal-hostname: v1\n",
    networkConfig: cloudInitNetwork(v1, network) ?? "",
  };
  progress("switching the virtual server on");
  server = await VirtualServer.boot(folder, disk, seed, `${rig.name}-sw`);
}, LIMIT);

afterAll(async () => {
  await server?.powerOff();
  await rig?.close();
  await rm(folder, { recursive: true, force: true });
}, 5 * MINUTE);

function v1(): PoolNode & { address: string } {
  const found = pool.nodes[1];
  if (found?.address === undefined) throw new Error("no v1");
  return { ...found, address: found.address };
}

test(
  "it boots, takes its name, lets the key in, and cloud-init installs Docker Engine with our settings",
  async () => {
    const { name, address, ssh } = v1();
    const target = { name, address, ssh };
    await learnHostKey(target, folder, 20 * MINUTE, signal).catch(async (error) => {
      throw new Error(`${String(error)}\n${await server?.console()}`);
    });
    progress("it answers over SSH; cloud-init installs Docker Engine");
    const connection = await Connection.open(target, { root: folder, signal, patience: 60 });
    try {
      for (let said = "", done = false; !done; await sleep(5000)) {
        const { stdout } = await connection.run("cloud-init status; tail -n 1 /var/log/cloud-init-output.log", {
          limit: 10 * MINUTE,
        });
        // A slow machine may not answer in time: only an end that is told is one.
        done = /^status: (done|error|disabled)/m.test(stdout);
        const line = stdout.trim().split("\n").at(-1) ?? "";
        if (line !== said) progress(`  ${line.slice(0, 100)}`);
        said = line;
      }
      const run = async (script: string) => (await connection.run(script, { limit: 10 * MINUTE })).stdout.trim();
      expect(await run("cloud-init status --long")).toMatch(/^status: done/);
      expect(await run("hostname")).toBe("v1");
      expect(await run("docker info --format '{{.LoggingDriver}} {{.Swarm.LocalNodeState}}'")).toBe(
        "json-file inactive",
      );
      expect(await run("docker network inspect bridge --format '{{(index .IPAM.Config 0).Subnet}}'")).toBe(
        "172.17.0.0/24",
      );
      expect(await run("systemctl is-enabled docker.service")).toBe("enabled");
      // Nobody has a password.
      expect(await run("passwd --status root | cut -d' ' -f2")).toBe("L");
    } finally {
      connection.close();
    }
  },
  LIMIT,
);

test(
  "it joins a Swarm as a worker, with nothing left to install or set",
  async () => {
    progress("joining it");
    const report = (name: string, line: string) => progress(`${name}: ${line}`);
    const outcomes = await joinPool(pool, {
      root: folder,
      platform: rig.name,
      encrypted: false,
      signal,
      report,
      alone: (_, work) => work(signal),
    });
    expect(outcomes.map(({ node: name, fault }) => [name, fault?.message])).toEqual([
      ["n1", undefined],
      ["v1", undefined],
    ]);
    const own = outcomes.find(({ node: name }) => name === "v1");
    expect(own?.did).toEqual(["joined", "labelled"]);
    expect(own?.notes).toEqual([]);
    const docker = await connectPool(pool, folder);
    const nodes = await listNodes(docker);
    expect(
      nodes.map(({ Description, Spec, Status }) => [Description?.Hostname, Spec.Role, Status.State]).sort(),
    ).toEqual([
      ["n1", "manager", "ready"],
      ["v1", "worker", "ready"],
    ]);
  },
  LIMIT,
);

/** Runs a script on the virtual server. */
async function onServer(script: string): Promise<string> {
  const { name, address, ssh } = v1();
  const connection = await Connection.open({ name, address, ssh }, { root: folder, signal, patience: 60 });
  try {
    const { code, stdout, stderr } = await connection.run(script, { limit: 10 * MINUTE });
    expect(code, stderr).toBe(0);
    return stdout.trim();
  } finally {
    connection.close();
  }
}

/** Waits until a service runs, and fails with the reason of the last task that did not. */
async function comesUp(docker: Dockerode, service: string): Promise<void> {
  const filters = { service: [service] };
  const states = async () => {
    const tasks = (await docker.listTasks({ filters })) as { Status: { State: string; Err?: string } }[];
    return tasks.map(({ Status }) => Status.Err ?? Status.State);
  };
  await expect.poll(states, { timeout: 3 * MINUTE, interval: 2000 }).toEqual(["running"]);
}

/** The smallest image that there is here: a few programs and the library that they need. */
async function importImage(name: string): Promise<void> {
  const files = "bin/cat bin/sh bin/sleep lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2";
  await onServer(`tar -C / --dereference -c ${files} | docker import - ${name}`);
}

test(
  "a container runs on it",
  async () => {
    await importImage("test/few:1");
    const docker = await connectPool(pool, folder);
    await docker.createService({
      Name: "sleeper",
      TaskTemplate: { ContainerSpec: { Image: "test/few:1", Command: ["/bin/sleep", "1000"] } },
      Mode: { Replicated: { Replicas: 1 } },
    });
    progress("waiting for its container");
    await comesUp(docker, "sleeper");
  },
  LIMIT,
);

const EXPORTED = "/srv/exports/shop";

/** The site of the volume: it reads what is there, leaves a file beside it, and stays. */
function shop(server: string): string {
  const volume = `{ name: data, path: /data, size: 1MiB, nfs: { server: ${server}, path: ${EXPORTED} } }`;
  const script = "cat /data/before >/data/after && exec sleep 1000";
  return `title: Shop
kind: service
domains: [shop]
serve:
  image: { image: "test/few:1", command: [/bin/sh, -c, "${script}"], health: none, volumes: [${volume}] }
`;
}

test(
  "a volume on NFS is mounted as the plan of its site has it, and a container reads and writes there",
  async () => {
    progress("installing a server for NFS");
    const lock = "-o DPkg::Lock::Timeout=300";
    await onServer(`DEBIAN_FRONTEND=noninteractive apt-get ${lock} install -y -q nfs-kernel-server >/dev/null
      install -d -o 10001 -g 10001 ${EXPORTED} && echo "from the server" >${EXPORTED}/before
      echo '${EXPORTED} *(rw,sync,no_subtree_check,no_root_squash)' >/etc/exports
      systemctl enable --now nfs-server && exportfs -ra`);
    const docker = await connectPool(pool, folder);
    const desired = await desiredOfSite("shop", shop(v1().address), "2026-11-25");
    const service = desired.find(({ kind }) => kind === "service");
    if (service === undefined) throw new Error("the site has no service");
    await docker.createNetwork({ Name: "honghe-platform_edge", Driver: "overlay" });
    await docker.createService({ Name: service.name, ...service.spec });
    progress("waiting for a container with a volume on NFS");
    await comesUp(docker, service.name);
    await expect.poll(() => onServer(`cat ${EXPORTED}/after`), { timeout: MINUTE }).toBe("from the server");
    expect(await onServer(`stat -c %u ${EXPORTED}/after`)).toBe("10001");
    const mounts = await onServer(`grep :${EXPORTED} /proc/mounts`);
    expect(mounts).toMatch(/ nfs4 rw,.*vers=4\.1,.*hard,.*timeo=600,retrans=2,/);
    // What another node leaves there is seen at once, and the volume's own folder on the disk stays empty.
    await onServer(`echo later >${EXPORTED}/later`);
    const inside = `docker exec $(docker ps -qf label=com.docker.swarm.service.name=${service.name})`;
    expect(await onServer(`${inside} /bin/cat /data/later`)).toBe("later");
    progress("done");
  },
  LIMIT,
);
