import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import type { Report } from "./report.ts";
import { type Ended, lastLines, run } from "./run.ts";

/** Without AppArmor's parser, Docker starts no container on a kernel that has AppArmor on, as Debian's and Ubuntu's have. */
const PACKAGES = ["docker.io", "iptables", "apparmor"];
/** Seconds to wait for another package manager to finish. */
const LOCK_WAIT = 180;

/**
 * Installs Docker Engine from the Debian mirror that the machine is set up with. Asks nothing, starts no download from anywhere else.
 *
 * @throws TerraceError `TERRACE_DOCKER_INSTALL` with the last lines that apt-get printed
 */
export async function installDocker(report: Report): Promise<void> {
  report("Installing Docker Engine: reading the package lists (apt-get update)");
  const update = await aptGet(["update"]);
  report(`Installing Docker Engine: apt-get install ${PACKAGES.join(" ")}`);
  const install = await aptGet(["install", "-y", "--no-install-recommends", ...PACKAGES]);
  if (install.code === 0) return;
  // A list that could not be read matters only when the installation fails: a mirror may serve what is needed all the same.
  const failed = update.code === 0 ? install : { ...install, output: `${update.output}\n${install.output}` };
  throw new TerraceError("TERRACE_DOCKER_INSTALL", `apt-get install ${PACKAGES.join(" ")} failed`, {
    why: lastLines(failed.output),
    next: "check that this machine reaches a Debian mirror (/etc/apt/sources.list), or install Docker Engine 20.10 or newer yourself",
  });
}

async function aptGet(args: string[]): Promise<Ended> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const options = ["-q", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT}`];
  const deadline = Date.now() + LOCK_WAIT * 1000;
  for (;;) {
    const ended = await run("apt-get", [...options, ...args], env);
    // The option covers dpkg's lock only; the one of the package lists fails at once.
    const locked = ended.code !== 0 && ended.output.includes("Could not get lock");
    if (!locked || Date.now() > deadline) return ended;
    await sleep(3000);
  }
}
