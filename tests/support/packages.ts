import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

const call = promisify(execFile);

/** Installs from Debian those packages whose program is not there: `{ "/usr/sbin/sshd": "openssh-server" }`. */
export async function requirePackages(programs: Record<string, string>): Promise<void> {
  const missing = Object.entries(programs).flatMap(([path, name]) => (existsSync(path) ? [] : [name]));
  if (missing.length === 0) return;
  // A server that is installed for a test is not to be started by its package.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  // One test file at a time: apt waits for dpkg's lock, but not for that of its lists.
  const alone = ["/run/lock/terrace-tests-apt", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"];
  const apt = (...args: string[]) => call("flock", [...alone, ...args], { env });
  await apt("update").catch(() => undefined);
  await apt("install", "-y", "--no-install-recommends", ...missing);
}
