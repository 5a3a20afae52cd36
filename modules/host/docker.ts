import { TerraceError } from "../core/errors.ts";
import { agree } from "../docker/index.ts";
import { nextStep } from "./decide.ts";
import { DEFAULT_SOCKET, hostFacts } from "./facts.ts";
import { installDocker } from "./install.ts";
import { kernelFacts, kernelProblems } from "./kernel.ts";
import type { Report } from "./report.ts";
import { startDocker } from "./start.ts";

export interface EnsureDockerOptions {
  report: Report;
  /** Default: `/var/run/docker.sock`. Not looked at where `DOCKER_HOST` is set. */
  socket?: string;
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
}

export interface DockerReady {
  /** The path of the socket, or the value of `DOCKER_HOST`. */
  socket: string;
  /** The engine's, e.g. `20.10.24+dfsg1`. */
  version: string;
  /** Whether this call installed it, and whether this call started it. */
  installed: boolean;
  started: boolean;
}

/**
 * Comes to a Docker Engine that answers: takes the one that runs, starts the one that is installed, or installs one (as root on Debian and
 * its descendants). Doing it again changes nothing.
 *
 * @throws TerraceError `TERRACE_DOCKER_DENIED`, `_UNREACHABLE`, `_NOT_RUNNING`, `_NOT_INSTALLED`, `_INSTALL`, `_START`, `_TOO_OLD`, `_TOO_NEW`
 */
export async function ensureDocker(options: EnsureDockerOptions): Promise<DockerReady> {
  const env = options.env ?? process.env;
  const socket = options.socket ?? DEFAULT_SOCKET;
  let installed = false;
  let started = false;
  let facts = await hostFacts(socket, env);
  let step = nextStep(facts);
  if (step === "install") {
    await installDocker(options.report);
    installed = true;
    facts = await hostFacts(socket, env);
    step = nextStep(facts);
  }
  if (step === "start") {
    facts.answer = await startDocker({ socket, systemd: facts.systemd, report: options.report, env });
    started = true;
  }
  if (facts.answer.kind !== "ready") {
    throw new TerraceError(
      "TERRACE_DOCKER_INSTALL",
      "Docker Engine was installed, but dockerd is not on the search path",
      {
        next: "check the installation of the package docker.io",
      },
    );
  }
  agree(facts.answer.api.newest, facts.answer.api.oldest);
  if (facts.dockerHost === undefined) {
    for (const problem of kernelProblems(await kernelFacts())) options.report(`warning: ${problem}`);
  }
  return { socket: facts.dockerHost ?? socket, version: facts.answer.version, installed, started };
}
