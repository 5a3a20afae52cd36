import { acquireLock, type LockRequest } from "./lock.ts";

/**
 * Does some work under locks of a platform, and gives them back however it ends.
 *
 * @param work is told to stop where the request is, and where a lock was taken away
 * @throws TerraceError `TERRACE_LOCKED`, as {@link acquireLock}
 */
export async function withLock<T>(request: LockRequest, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const lock = await acquireLock(request);
  try {
    return await work(AbortSignal.any([request.signal, lock.lost]));
  } finally {
    await lock.release();
  }
}
