import type Dockerode from "dockerode";
import { call, get } from "./call.ts";

/** On every container of a Swarm service. */
const SERVICE = "com.docker.swarm.service.id";

interface RawStats {
  memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } };
}

/**
 * Memory that the containers of each service use on one engine, in bytes, by the service's id: as `docker stats` counts it, without the
 * files that the kernel would let go of.
 */
export async function readServicesUsed(docker: Dockerode): Promise<Map<string, number>> {
  type Listed = { Id: string; Labels: Record<string, string> };
  const containers = await get<Listed[]>(docker, "/containers/json", { filters: { label: [SERVICE] } });
  const used = new Map<string, number>();
  await Promise.all(
    containers.map(async ({ Id, Labels }) => {
      const query = { stream: false, "one-shot": true };
      // One that has just ended tells nothing.
      const stats = await call<RawStats>(docker, "GET", `/containers/${Id}/stats`, query).catch(() => undefined);
      const service = Labels[SERVICE] ?? "";
      used.set(service, (used.get(service) ?? 0) + bytesOf(stats));
    }),
  );
  return used;
}

function bytesOf({ memory_stats: memory }: RawStats = {}): number {
  const cached = memory?.stats?.inactive_file ?? memory?.stats?.total_inactive_file ?? 0;
  return Math.max(0, (memory?.usage ?? 0) - cached);
}
