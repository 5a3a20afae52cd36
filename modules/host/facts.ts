import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import Dockerode from "dockerode";

/** What the attempt to reach Docker Engine gave. */
export type Answer =
  | { kind: "ready"; version: string; api: { newest: number; oldest: number } }
  /** The socket is there, and this user may not use it. */
  | { kind: "denied" }
  /** No socket, or nobody listens on it. */
  | { kind: "silent"; reason: string };

/** All that decides how to come to a running Docker Engine. */
export interface HostFacts {
  /** `DOCKER_HOST`, where it is set: somebody chose a daemon, and no other will do. */
  dockerHost: string | undefined;
  answer: Answer;
  /** As Node names it, e.g. `linux`. */
  os: NodeJS.Platform;
  /** Debian or a descendant (Ubuntu, ...): has apt-get and the package `docker.io`. */
  debian: boolean;
  root: boolean;
  /** `dockerd` is on the search path. */
  installed: boolean;
  systemd: boolean;
}

export const DEFAULT_SOCKET = "/var/run/docker.sock";

/** Collects the facts; changes nothing. `socket` is used where `DOCKER_HOST` is not set. */
export async function hostFacts(socket: string, env: NodeJS.ProcessEnv): Promise<HostFacts> {
  const dockerHost = env.DOCKER_HOST === "" ? undefined : env.DOCKER_HOST;
  const release = parseOsRelease(await readFile("/etc/os-release", "utf8").catch(() => ""));
  const init = await readFile("/proc/1/comm", "utf8").catch(() => "");
  return {
    dockerHost,
    answer: await ask(dockerHost === undefined ? socket : undefined),
    os: process.platform,
    debian: isDebian(release),
    root: process.getuid?.() === 0,
    installed: (await findProgram("dockerd", env)) !== undefined,
    systemd: init.trim() === "systemd",
  };
}

/** Asks the daemon at `socket`, or at `DOCKER_HOST` where that is undefined, for its version. Never throws. */
export async function ask(socket: string | undefined): Promise<Answer> {
  try {
    const docker = new Dockerode({ ...(socket === undefined ? {} : { socketPath: socket }), timeout: 10_000 });
    const version = await docker.version();
    const api = { newest: Number(version.ApiVersion), oldest: Number(version.MinAPIVersion ?? version.ApiVersion) };
    return { kind: "ready", version: version.Version, api };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "EACCES" || code === "EPERM" ? { kind: "denied" } : { kind: "silent", reason: message };
  }
}

/** The absolute path of a program, looked for where system programs live as well as on the search path. */
export async function findProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = [...(env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];
  for (const folder of folders) {
    if (folder === "") continue;
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return undefined;
}

/** The lines of `/etc/os-release`, quotes removed; lines that are none are passed over. */
export function parseOsRelease(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    found[match[1]] = match[2].replace(/^(["'])(.*)\1$/, "$2").replace(/\\(["'$`\\])/g, "$1");
  }
  return found;
}

export function isDebian(release: Record<string, string>): boolean {
  const names = [release.ID ?? "", ...(release.ID_LIKE ?? "").split(/\s+/)];
  return names.includes("debian") || names.includes("ubuntu");
}
