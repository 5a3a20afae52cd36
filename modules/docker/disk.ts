import { TerraceError } from "../core/errors.ts";

/** What Docker and the kernel say where nothing can be written any more; Docker has no code of its own for it. */
const FULL = /no space left on device|disk quota exceeded/i;

/** The error that tells of a full disk, where that is what went wrong; `undefined` otherwise. */
export function diskFull(message: string, where: string, cause?: unknown): TerraceError | undefined {
  if (!FULL.test(message)) return undefined;
  return new TerraceError("TERRACE_DISK_FULL", "the disk of Docker Engine is full", {
    where,
    why: message,
    next: "free space (docker system df, docker image prune), then run this again; what serves goes on serving",
    cause,
  });
}
