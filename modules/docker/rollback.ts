import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { call, get, isBroken } from "./call.ts";
import type { RawService } from "./read.ts";

/** How long Swarm may take to put a version back, in ms: where the old task stops first, it gives one that never ran a minute for that. */
const LIMIT = 90_000;

/**
 * Has Swarm put a service back to what it was before its last change. Swarm does so by itself where a new task fails; one that waits for
 * a node, or never gets ready, it leaves as it is, and would go on with it some day without being asked.
 *
 * @param service id or name
 * @param unfinished only where that change is still under way: one that an earlier run left
 * @returns whether the version before is in its place again, and runs; false also where there is none
 */
export async function rollBack(
  docker: Dockerode,
  service: string,
  signal: AbortSignal,
  unfinished = false,
): Promise<boolean> {
  let asked = false;
  for (const end = Date.now() + LIMIT; Date.now() < end; await sleep(300, undefined, { signal })) {
    const { ID, Version, Spec, PreviousSpec, UpdateStatus } = await get<RawService>(docker, `/services/${service}`);
    const state = UpdateStatus?.State ?? "";
    if (state === "rollback_completed") return runs(docker, ID, signal);
    // Swarm may have begun by itself. Asked twice, it would put back what it has just taken away: so whether it was heard is read, also
    // where the answer was lost.
    if (state === "rollback_started") continue;
    if (state === "rollback_paused" || PreviousSpec === undefined) return false;
    if (unfinished && !asked && state !== "updating") return false;
    asked = true;
    const query = { version: Version.Index, rollback: "previous" };
    await call(docker, "POST", `/services/${service}/update`, query, Spec).catch((error) => {
      if (!isBroken(error) && !String(error).includes("out of sequence")) throw error;
    });
  }
  return false;
}

/** Whether all tasks that are wanted run, within seconds: where nothing but a count was changed, Swarm calls it done at once. */
async function runs(docker: Dockerode, id: string, signal: AbortSignal): Promise<boolean> {
  for (const end = Date.now() + 5000; Date.now() < end; await sleep(300, undefined, { signal })) {
    const [found] = await get<RawService[]>(docker, "/services", { filters: { id: [id] }, status: true });
    const status = found?.ServiceStatus;
    if (status !== undefined && status.RunningTasks >= status.DesiredTasks) return true;
  }
  return false;
}
