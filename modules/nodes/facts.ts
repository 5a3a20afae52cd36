import { TerraceError } from "../core/errors.ts";
import { EDGE } from "../edge/index.ts";
import { lastLines } from "../host/index.ts";
import type { Connection } from "../ssh/index.ts";

/** What a server says about itself before anything is done to it. */
export interface NodeFacts {
  /** Debian or a descendant. */
  debian: boolean;
  systemd: boolean;
  /** `dockerd` is installed. */
  installed: boolean;
  running: boolean;
  /** Containers that run. */
  containers: number;
  /** The text of `daemon.json`; empty where there is none. */
  daemonJson: string;
  /** The text of `/proc/net/route`. */
  routes: string;
  /** KiB free where Docker keeps its data. */
  free: number;
  /** Whether the kernel can encrypt packets between nodes; `undefined` where that could not be tried. */
  esp: boolean | undefined;
  /** Settings of the kernel that the edge's containers get, and that this one does not know. */
  unknownSettings: string[];
}

/** What a pool wants of a server. */
export interface NodeTask {
  name: string;
  /** Whether the platform's control network is encrypted. */
  encrypted: boolean;
  edge: boolean;
}

/** Tries an encrypted connection between two addresses that are nobody's: nothing else says whether the kernel can do it. */
const ESP = `if command -v ip >/dev/null; then
  pair="src 127.77.7.1 dst 127.77.7.2 proto esp spi 0x7e22ace"
  if ip xfrm state add $pair mode transport aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 64 2>/dev/null
  then ip xfrm state del $pair; echo esp=yes; else echo esp=no; fi
fi
`;

const SCRIPT = `export PATH=$PATH:/usr/sbin:/sbin
echo "uid=$(id -u)"
echo "os=$(. /etc/os-release 2>/dev/null; echo "$ID $ID_LIKE")"
echo "init=$(cat /proc/1/comm)"
echo "dockerd=$(command -v dockerd)"
echo "pid=$(pidof dockerd)"
echo "containers=$(docker ps -q 2>/dev/null | wc -l)"
echo "daemon=$(base64 -w0 /etc/docker/daemon.json 2>/dev/null)"
echo "route=$(base64 -w0 /proc/net/route)"
folder=/var/lib/docker; [ -d "$folder" ] || folder=/var/lib
echo "free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')"
for name in ${Object.keys(EDGE.sysctls).join(" ")}; do
  [ -e "/proc/sys/$(echo "$name" | tr . /)" ] || unknown="$unknown $name"
done
echo "unknown=$unknown"
${ESP}`;

/** KiB below which a node is not taken: the images alone need half of it. */
const ROOM = 512 * 1024;

/**
 * Looks at a server; changes nothing.
 *
 * @throws TerraceError `TERRACE_NODE_DENIED` where the user can't become root, or what a broken connection throws
 */
export async function readFacts(connection: Connection, signal: AbortSignal): Promise<NodeFacts> {
  const { name, ssh } = connection.target;
  const { code, stdout, stderr } = await connection.root(SCRIPT, { signal, limit: 30_000 });
  const facts = parseFacts(stdout);
  if (code === 0 && facts.uid === "0") return toFacts(facts);
  throw new TerraceError("TERRACE_NODE_DENIED", `${name}: the user ${ssh.user} can't become root there`, {
    where: `node ${name}`,
    why: lastLines(stderr, 2),
    next: "log in as root, or let that user run sudo without a password",
  });
}

export function parseFacts(text: string): Record<string, string> {
  const pairs = text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  return Object.fromEntries(pairs);
}

function toFacts(read: Record<string, string>): NodeFacts {
  const decoded = (key: string) => Buffer.from(read[key] ?? "", "base64").toString("utf8");
  return {
    debian: /\b(debian|ubuntu)\b/.test(read.os ?? ""),
    systemd: read.init?.trim() === "systemd",
    installed: (read.dockerd ?? "") !== "",
    running: (read.pid ?? "") !== "",
    containers: Number(read.containers ?? 0),
    daemonJson: decoded("daemon"),
    routes: decoded("route"),
    free: Number(read.free ?? 0),
    esp: read.esp === undefined ? undefined : read.esp === "yes",
    unknownSettings: (read.unknown ?? "").split(" ").filter((name) => name !== ""),
  };
}

/**
 * Refuses a server that could not do its work, before anything is changed on it.
 *
 * @throws TerraceError `TERRACE_NODE_DISK`, `TERRACE_NODE_KERNEL`, `TERRACE_NODE_NO_ENCRYPTION`, `TERRACE_NODE_NO_DOCKER`
 */
export function requireFit({ name: node, encrypted, edge }: NodeTask, facts: NodeFacts): void {
  const where = `node ${node}`;
  if (facts.free < ROOM) {
    const free = Math.round(facts.free / 1024);
    throw new TerraceError(
      "TERRACE_NODE_DISK",
      `${node}: its disk is full: ${free} MiB are free, ${ROOM / 1024} are needed`,
      {
        where: `${where}, /var/lib/docker`,
        next: "make room there (docker image prune, journalctl --vacuum-size=200M), then run this again",
      },
    );
  }
  if (!facts.installed && !facts.debian) {
    throw new TerraceError("TERRACE_NODE_NO_DOCKER", `${node}: Docker Engine is not installed`, {
      where,
      why: "Terrace installs it by itself on Debian and Ubuntu only, and this system is neither",
      next: "install Docker Engine 20.10 or newer there, then run this again",
    });
  }
  if (edge && facts.unknownSettings.length > 0) {
    throw new TerraceError("TERRACE_NODE_KERNEL", `${node}: its kernel is too old for an edge`, {
      where,
      why: `it does not know ${facts.unknownSettings.join(", ")}, without which new routes would cut visitors off`,
      next: "use Linux 5.14 or newer there, or give the role `edge` to other nodes",
    });
  }
  if (encrypted && facts.esp === false) {
    throw new TerraceError(
      "TERRACE_NODE_NO_ENCRYPTION",
      `${node}: its kernel can't encrypt what nodes send each other`,
      {
        where,
        why: "it has no IPsec (ESP): Swarm says nothing about that, and simply no packet arrives",
        next: "use a kernel with it (modprobe esp4), or, where the nodes' network is trusted, `networks: { encrypted: false }`",
      },
    );
  }
}
