import { readdir, readFile, readlink } from "node:fs/promises";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { parseListeners, socketInode } from "./proc.ts";

/** Somebody who holds a port. */
export interface PortHolder {
  port: number;
  /** E.g. `container web`, `nginx (process 812)`. */
  holder: string;
}

export interface PortsOptions {
  docker: Dockerode;
  ports: number[];
  /** The Swarm service that may hold them: the edge of this platform, e.g. `honghe-edge_caddy`. */
  own: string;
  /** Whether the engine runs on this machine, so that its processes can be looked at. Default: `DOCKER_HOST` is unset or a socket. */
  local?: boolean;
}

interface Publisher {
  name: string;
  own: boolean;
}

/** Programs that hold a port on behalf of a container or a service. */
const PROXIES = new Set(["docker-proxy", "dockerd", "rootlesskit", "rootlessport"]);

/** Those of the ports that are taken, and by whom; what our own edge holds is not taken. */
export async function portsInUse(options: PortsOptions): Promise<PortHolder[]> {
  const local = options.local ?? isLocal(process.env.DOCKER_HOST);
  const published = await publishers(options.docker, options.own);
  const listening = local ? await listeners() : new Map<number, string>();
  const taken: PortHolder[] = [];
  for (const port of options.ports) {
    const publisher = published.get(port);
    if (publisher?.own === true) continue;
    const inode = listening.get(port);
    if (publisher !== undefined) taken.push({ port, holder: publisher.name });
    else if (inode !== undefined) taken.push({ port, holder: await processOf(inode) });
  }
  return taken;
}

/**
 * Refuses where a port of the edge is taken.
 *
 * @throws TerraceError `TERRACE_PORT_TAKEN`, which says by whom, and how to choose others
 */
export async function requirePorts(options: PortsOptions): Promise<void> {
  const taken = await portsInUse(options);
  if (taken.length === 0) return;
  throw new TerraceError("TERRACE_PORT_TAKEN", takenText(taken), {
    next: "stop it, or choose other ports: `edge: { http: 8080, https: 8443 }` in platform.yaml, or `npm start -- --http 8080 --https 8443`",
  });
}

/** `port 80 is taken by nginx (process 812), port 443 by container web` */
export function takenText(taken: PortHolder[]): string {
  return taken.map(({ port, holder }, at) => `port ${port} ${at === 0 ? "is taken " : ""}by ${holder}`).join(", ");
}

function isLocal(dockerHost: string | undefined): boolean {
  return dockerHost === undefined || dockerHost === "" || dockerHost.startsWith("unix:");
}

/** Which container or service publishes a port, by port. */
async function publishers(docker: Dockerode, own: string): Promise<Map<number, Publisher>> {
  const found = new Map<number, Publisher>();
  const [containers, services] = await Promise.all([docker.listContainers(), docker.listServices().catch(() => [])]);
  for (const service of services) {
    for (const { PublishedPort: port } of service.Endpoint?.Ports ?? []) {
      const name = service.Spec?.Name ?? service.ID;
      if (port) found.set(port, { name: `service ${name}`, own: name === own });
    }
  }
  for (const container of containers) {
    const service = container.Labels["com.docker.swarm.service.name"];
    const name =
      service === undefined
        ? `container ${(container.Names[0] ?? container.Id).replace(/^\//, "")}`
        : `service ${service}`;
    for (const { PublicPort: port } of container.Ports) {
      if (port) found.set(port, { name, own: service === own });
    }
  }
  return found;
}

/** The inode of the listening socket, by port, over IPv4 and IPv6. */
async function listeners(): Promise<Map<number, string>> {
  const texts = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  return new Map(texts.flatMap(parseListeners).map(({ port, inode }) => [port, inode]));
}

async function processOf(inode: string): Promise<string> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || !(await holds(pid, inode))) continue;
    const name = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() || "a program";
    return PROXIES.has(name) ? `Docker (${name}, process ${pid})` : `${name} (process ${pid})`;
  }
  return "another program (run the command as root to see which)";
}

/** Whether a process has the socket open; false where this user may not look. */
async function holds(pid: string, inode: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => "")));
  return links.some((link) => socketInode(link) === inode);
}
