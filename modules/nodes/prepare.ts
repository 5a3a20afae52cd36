import { TerraceError } from "../core/errors.ts";
import { freeBridgePool, lastLines } from "../host/index.ts";
import { daemonConfig } from "../pool/index.ts";
import type { Connection, RunOptions } from "../ssh/index.ts";
import { mergeSettings } from "./daemon-json.ts";
import type { NodeFacts } from "./facts.ts";
import type { Deed } from "./types.ts";

export interface Preparing {
  connection: Connection;
  facts: NodeFacts;
  signal: AbortSignal;
  report(line: string): void;
}

const MINUTE = 60_000;

/** Without AppArmor's parser, Docker starts no container on a kernel that has AppArmor on, as Debian's and Ubuntu's have. */
const INSTALL = `export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get -q -o DPkg::Lock::Timeout=180 update
apt-get -q -o DPkg::Lock::Timeout=180 install -y --no-install-recommends docker.io iptables apparmor`;

const CONFIGURE = `set -e
mkdir -p /etc/docker
umask 022
cat >/etc/docker/daemon.json.new
mv /etc/docker/daemon.json.new /etc/docker/daemon.json`;

/** Starts Docker the way the server starts daemons; where its script fails, and there is no systemd, by hand. */
const START = `export PATH=$PATH:/usr/sbin:/sbin
if [ "$(cat /proc/1/comm)" = systemd ]; then
  systemctl enable docker >/dev/null 2>&1
  if [ "$1" = again ]; then systemctl restart docker; else systemctl start docker; fi
  [ "$?" = 0 ] || { journalctl -u docker -n 20 --no-pager -o cat; exit 1; }
else
  if [ "$1" = again ]; then
    kill $(pidof dockerd); n=0
    while pidof dockerd >/dev/null && [ $n -lt 150 ]; do sleep 0.2; n=$((n + 1)); done
  fi
  [ ! -x /etc/init.d/docker ] || service docker start >/dev/null 2>&1
  n=0; while [ ! -S /var/run/docker.sock ] && [ $n -lt 25 ] && pidof dockerd >/dev/null; do sleep 0.2; n=$((n + 1)); done
  pidof dockerd >/dev/null || (setsid dockerd </dev/null >>/var/log/dockerd.log 2>&1 &)
fi
n=0; while ! docker version >/dev/null 2>&1; do
  [ $n -lt 150 ] || { tail -n 20 /var/log/dockerd.log /var/log/docker.log 2>/dev/null; exit 1; }
  sleep 0.2; n=$((n + 1))
done`;

/**
 * Brings a server to a Docker Engine that runs with our settings. Doing it again changes nothing.
 *
 * @throws TerraceError `TERRACE_NODE_INSTALL`, `TERRACE_NODE_START`, `TERRACE_NODE_DAEMON_JSON`
 */
export async function prepare(preparing: Preparing): Promise<{ did: Deed[]; notes: string[] }> {
  const { connection, facts, report } = preparing;
  const { name } = connection.target;
  const did: Deed[] = [];
  const notes: string[] = [];
  const pool = facts.running ? undefined : freeBridgePool(facts.routes);
  const { text, kept } = mergeSettings(facts.daemonJson, daemonConfig(pool), name);
  if (kept.length > 0) notes.push(`its daemon.json sets ${kept.join(", ")} otherwise, and that stays`);
  if (!facts.installed) {
    report("installs Docker Engine (apt-get install docker.io)");
    await step(preparing, "TERRACE_NODE_INSTALL", "Docker Engine could not be installed", INSTALL, {
      limit: 15 * MINUTE,
    });
    did.push("installed");
  }
  if (text !== undefined) {
    await step(preparing, "TERRACE_NODE_INSTALL", "Docker's settings could not be written", CONFIGURE, { input: text });
    did.push("configured");
  }
  // A package that was just installed runs with the settings before.
  const stale = text !== undefined && (facts.running || !facts.installed);
  if (stale && facts.containers > 0) notes.push("Docker's new settings hold from its next restart on: containers run");
  else if (stale || !facts.running) {
    report(stale ? "restarts Docker Engine with its new settings" : "starts Docker Engine");
    const script = `set -- ${stale ? "again" : "first"}\n${START}`;
    await step(preparing, "TERRACE_NODE_START", "Docker Engine does not start", script, { limit: 2 * MINUTE });
    if (!facts.running) did.push("started");
  }
  return { did, notes };
}

async function step(
  { connection, signal }: Preparing,
  code: string,
  what: string,
  script: string,
  options: RunOptions,
): Promise<void> {
  const ended = await connection.root(script, { ...options, signal });
  if (ended.code === 0) return;
  const { name } = connection.target;
  throw new TerraceError(code, `${name}: ${what}`, {
    where: `node ${name}`,
    why: lastLines(`${ended.stdout}\n${ended.stderr}`),
    next: "mend the cause on that node, then run this again: it goes on where it stopped",
  });
}
