import { TerraceError } from "../core/errors.ts";
import type { HostFacts } from "./facts.ts";

/** What to do next on the way to a running Docker Engine. */
export type Step = "ready" | "install" | "start";

/**
 * Decides from the facts alone.
 *
 * @throws TerraceError where only the user can go on; each of the cases has its own code and one clear instruction.
 */
export function nextStep(facts: HostFacts): Step {
  const { answer } = facts;
  if (answer.kind === "ready") return "ready";
  if (answer.kind === "denied") {
    throw new TerraceError("TERRACE_DOCKER_DENIED", "this user may not talk to Docker Engine", {
      why: "your user is not in the group that owns its socket",
      next: 'run "sudo usermod -aG docker $USER", log in again, and repeat the command',
    });
  }
  if (facts.dockerHost !== undefined) {
    throw new TerraceError("TERRACE_DOCKER_UNREACHABLE", "Docker Engine does not answer", {
      where: `DOCKER_HOST=${facts.dockerHost}`,
      why: answer.reason,
      next: "start the daemon there, or unset DOCKER_HOST to use the one of this machine",
    });
  }
  if (facts.os !== "linux") {
    throw new TerraceError("TERRACE_DOCKER_NOT_RUNNING", "Docker Engine does not answer", {
      why: answer.reason,
      next: "start Docker Desktop and repeat the command",
    });
  }
  return facts.installed ? startOrExplain(facts, answer.reason) : installOrExplain(facts);
}

function startOrExplain(facts: HostFacts, reason: string): Step {
  if (facts.root) return "start";
  throw new TerraceError("TERRACE_DOCKER_NOT_RUNNING", "Docker Engine is installed but not running", {
    why: reason,
    next: facts.systemd
      ? 'run "sudo systemctl enable --now docker" and repeat the command'
      : 'run "sudo service docker start" and repeat the command',
  });
}

function installOrExplain(facts: HostFacts): Step {
  if (facts.root && facts.debian) return "install";
  const by = facts.debian ? '"sudo apt-get install -y docker.io"' : "the package manager of this system";
  throw new TerraceError("TERRACE_DOCKER_NOT_INSTALLED", "Docker Engine is not installed", {
    why: facts.debian
      ? "installing it needs root"
      : "Terrace installs it by itself on Debian and Ubuntu only, and this system is neither",
    next: `install Docker Engine 20.10 or newer with ${by} and repeat the command`,
  });
}
