import Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { call } from "./call.ts";

/** Oldest API that has all that Terrace uses (Engine 20.10). */
const OLDEST = 1.41;
/** Newest API that Terrace knows; newer daemons are asked to speak this one. */
const NEWEST = 1.51;

/**
 * A client for the Docker Engine at `DOCKER_HOST`, or at the default socket, speaking the newest API version that both know.
 *
 * @throws TerraceError `TERRACE_DOCKER_UNREACHABLE`, `TERRACE_DOCKER_TOO_OLD`, `TERRACE_DOCKER_TOO_NEW`
 */
export async function connect(): Promise<Dockerode> {
  const plain = new Dockerode();
  type Version = { ApiVersion: string; MinAPIVersion?: string };
  const version = await call<Version>(plain, "GET", "/version").catch((failed: Error) => {
    const error = (failed.cause ?? failed) as NodeJS.ErrnoException;
    throw new TerraceError("TERRACE_DOCKER_UNREACHABLE", "Docker Engine does not answer", {
      where: process.env.DOCKER_HOST ?? "/var/run/docker.sock",
      why: error.code === "EACCES" ? "this user may not use the socket" : error.message,
      next:
        error.code === "EACCES"
          ? "add your user to the group docker, or use sudo"
          : "`npm start` installs and starts it",
      cause: error,
    });
  });
  return new Dockerode({ version: `v${agree(Number(version.ApiVersion), Number(version.MinAPIVersion ?? OLDEST))}` });
}

/** The API version to speak with a daemon that knows `oldest` to `newest`. */
export function agree(newest: number, oldest: number): string {
  if (newest < OLDEST) {
    throw new TerraceError(
      "TERRACE_DOCKER_TOO_OLD",
      `Docker Engine speaks API ${newest.toFixed(2)}; Terrace needs ${OLDEST} or newer`,
      {
        next: "upgrade Docker Engine to 20.10 or newer",
      },
    );
  }
  if (oldest > NEWEST) {
    throw new TerraceError(
      "TERRACE_DOCKER_TOO_NEW",
      `Docker Engine speaks API ${oldest.toFixed(2)} and newer; Terrace knows ${NEWEST}`,
      {
        next: "upgrade Terrace",
      },
    );
  }
  return Math.min(newest, NEWEST).toFixed(2);
}
