import { describe, expect, test } from "vitest";
import { TerraceError } from "../../modules/core/errors.ts";
import { freePool, overlaps, parseNameServers, parseRange, parseRoutes } from "../../modules/host/addresses.ts";
import { nextStep } from "../../modules/host/decide.ts";
import { type HostFacts, isDebian, parseOsRelease } from "../../modules/host/facts.ts";
import { kernelProblems } from "../../modules/host/kernel.ts";
import { takenText } from "../../modules/host/ports.ts";
import { parseListeners, socketInode } from "../../modules/host/proc.ts";
import { swarmStep } from "../../modules/host/swarm-state.ts";

const silent: HostFacts = {
  dockerHost: undefined,
  answer: { kind: "silent", reason: "connect ENOENT /var/run/docker.sock" },
  os: "linux",
  debian: true,
  root: true,
  installed: true,
  systemd: true,
};

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TerraceError)
      return [error.code, error.message, error.where, error.why, error.next].join(" | ");
    throw error;
  }
  throw new Error("was not refused");
}

describe("the way to a running engine", () => {
  test("taken as it is, started, or installed", () => {
    expect(nextStep({ ...silent, answer: { kind: "ready", version: "27", api: { newest: 1.47, oldest: 1.24 } } })).toBe(
      "ready",
    );
    expect(nextStep(silent)).toBe("start");
    expect(nextStep({ ...silent, installed: false })).toBe("install");
  });

  const cases: [string, Partial<HostFacts>, string][] = [
    [
      "no permission on the socket",
      { answer: { kind: "denied" }, root: false },
      'TERRACE_DOCKER_DENIED | this user may not talk to Docker Engine |  | your user is not in the group that owns its socket | run "sudo usermod -aG docker $USER", log in again, and repeat the command',
    ],
    [
      "DOCKER_HOST without an answer",
      { dockerHost: "tcp://10.0.0.9:2376" },
      "TERRACE_DOCKER_UNREACHABLE | Docker Engine does not answer | DOCKER_HOST=tcp://10.0.0.9:2376 | connect ENOENT /var/run/docker.sock | start the daemon there, or unset DOCKER_HOST to use the one of this machine",
    ],
    [
      "installed, not running, not root, systemd",
      { root: false },
      'TERRACE_DOCKER_NOT_RUNNING | Docker Engine is installed but not running |  | connect ENOENT /var/run/docker.sock | run "sudo systemctl enable --now docker" and repeat the command',
    ],
    [
      "installed, not running, not root, no systemd",
      { root: false, systemd: false },
      'TERRACE_DOCKER_NOT_RUNNING | Docker Engine is installed but not running |  | connect ENOENT /var/run/docker.sock | run "sudo service docker start" and repeat the command',
    ],
    [
      "not installed, Debian, not root",
      { installed: false, root: false },
      'TERRACE_DOCKER_NOT_INSTALLED | Docker Engine is not installed |  | installing it needs root | install Docker Engine 20.10 or newer with "sudo apt-get install -y docker.io" and repeat the command',
    ],
    [
      "not installed, another system",
      { installed: false, debian: false },
      "TERRACE_DOCKER_NOT_INSTALLED | Docker Engine is not installed |  | Terrace installs it by itself on Debian and Ubuntu only, and this system is neither | install Docker Engine 20.10 or newer with the package manager of this system and repeat the command",
    ],
    [
      "not Linux",
      { os: "darwin", installed: false },
      "TERRACE_DOCKER_NOT_RUNNING | Docker Engine does not answer |  | connect ENOENT /var/run/docker.sock | start Docker Desktop and repeat the command",
    ],
  ];
  test.each(cases)("refused: %s", (_, facts, text) => {
    expect(refusal(() => nextStep({ ...silent, ...facts }))).toBe(text);
  });
});

describe("a Swarm that is there is left alone", () => {
  test("none: one is made; manager: it is used", () => {
    expect(swarmStep({ LocalNodeState: "inactive" })).toBe("init");
    expect(swarmStep({ LocalNodeState: "active", ControlAvailable: true })).toBe("manager");
  });

  test.each([
    [
      { LocalNodeState: "active", RemoteManagers: [{ NodeID: "a", Addr: "10.0.0.1:2377" }] },
      "TERRACE_SWARM_WORKER | this machine is a worker of a Swarm, and only a manager can deploy |  | its managers are 10.0.0.1:2377 | run the command on a manager, or name one with DOCKER_HOST (ssh://USER@MANAGER)",
    ],
    [
      { LocalNodeState: "locked" },
      'TERRACE_SWARM_LOCKED | the Swarm of this machine is locked |  | it was restarted with autolock on | unlock it with "docker swarm unlock" and repeat the command',
    ],
    [
      { LocalNodeState: "pending" },
      'TERRACE_SWARM_PENDING | this machine is joining a Swarm just now |  |  | wait until "docker info" shows "Swarm: active" and repeat the command',
    ],
    [
      { LocalNodeState: "error", Error: "certificate has expired" },
      'TERRACE_SWARM_ERROR | the Swarm of this machine is out of order |  | certificate has expired | mend it, or give it up for good with "docker swarm leave --force", and repeat the command',
    ],
    [
      {},
      'TERRACE_SWARM_ERROR | the Swarm of this machine is out of order |  | its state is unknown | mend it, or give it up for good with "docker swarm leave --force", and repeat the command',
    ],
  ])("refused: %o", (info, text) => {
    expect(refusal(() => swarmStep(info))).toBe(text);
  });
});

describe("what the kernel's files say", () => {
  const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 20 4 30 10 -1
`;
  const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 813 1 0000 100 0 0 10 0
`;
  test("sockets that listen, not those that are connected", () => {
    expect(parseListeners(TCP)).toEqual([{ port: 80, inode: "4711" }]);
    expect(parseListeners(TCP6)).toEqual([{ port: 443, inode: "813" }]);
    expect(parseListeners("")).toEqual([]);
    expect([socketInode("socket:[813]"), socketInode("/dev/null"), socketInode("anon_inode:[eventpoll]")]).toEqual([
      "813",
      undefined,
      undefined,
    ]);
  });

  test("os-release", () => {
    const ubuntu = parseOsRelease('PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\n# no\nlower=1\nBROKEN\n');
    expect(ubuntu).toEqual({ PRETTY_NAME: "Ubuntu 24.04 LTS", ID: "ubuntu", ID_LIKE: "debian" });
    expect(isDebian(ubuntu)).toBe(true);
    expect(isDebian(parseOsRelease("ID='linuxmint'\nID_LIKE=\"ubuntu debian\""))).toBe(true);
    expect(isDebian(parseOsRelease("ID=fedora"))).toBe(false);
    expect(isDebian(parseOsRelease(""))).toBe(false);
  });

  test("routes, without the default one", () => {
    const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t0000D00A\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
    expect(parseRoutes(text)).toEqual([parseRange("10.208.0.0/12"), parseRange("192.0.2.0/24")]);
    expect(parseNameServers("search x\nnameserver 10.9.8.7\nnameserver fd00::1\n")).toEqual([
      parseRange("10.9.8.7/32"),
    ]);
  });
});

test("a range for the overlays that meets no route and no name server", () => {
  const range = (text: string) => parseRange(text) ?? expect.fail(text);
  expect(freePool([])).toBe("10.208.0.0/12");
  expect(freePool([range("192.168.1.0/24"), range("10.0.0.0/16")])).toBe("10.208.0.0/12");
  expect(freePool([range("10.223.1.1")])).toBe("10.176.0.0/12");
  expect(freePool([range("10.0.0.0/8")])).toBe("100.80.0.0/12");
  expect(freePool([range("10.0.0.0/8"), range("100.64.0.0/10")])).toBe("198.18.0.0/15");
  expect(freePool([range("0.0.0.0/1"), range("128.0.0.0/1")])).toBeUndefined();
  expect(overlaps(range("10.0.0.0/8"), range("11.0.0.0/8"))).toBe(false);
  expect([parseRange("10.0.0.256"), parseRange("10.0.0.0/33"), parseRange("fd00::1")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("what the kernel lacks is told with what it is for", () => {
  expect(kernelProblems({ features: new Set(["overlay", "vxlan", "bridge"]), forwarding: true, edge: true })).toEqual(
    [],
  );
  expect(kernelProblems({ features: new Set(["overlay", "bridge"]), forwarding: false, edge: false })).toEqual([
    'the kernel seems to have no "vxlan" (overlay networks): try "modprobe vxlan", or use a kernel that has it',
    'the kernel does not forward packets, so containers reach nobody: run "sysctl -w net.ipv4.ip_forward=1"',
    "the edge can't start on this kernel: it needs Linux 5.14 or newer, for net.ipv4.tcp_migrate_req, so that new routes cut no visitor off",
  ]);
});

test("two ports that are taken are told in one sentence", () => {
  const taken = [
    { port: 80, holder: "nginx (process 812)" },
    { port: 443, holder: "container web" },
  ];
  expect(takenText(taken)).toBe("port 80 is taken by nginx (process 812), port 443 by container web");
});
