import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./measure.ts";
import type { Result } from "./report.ts";
import type { Rig } from "./rig.ts";

interface Sizes {
  /** MiB, pages that several processes share counted in parts. */
  proportional: number;
  /** MiB, shared pages counted for each process that has them. */
  resident: number;
}

/** What the processes of an idle static site take: its init, its web server, and the shim that containerd keeps beside them. */
export async function measureMemory(rig: Rig): Promise<Result[]> {
  await sleep(5000);
  const containers = await rig.docker.listContainers();
  const web = new RegExp(`^/${rig.name}-site-[a-z0-9-]+_web\\.`);
  const parents = await parentsOfAll();
  const sites: Sizes[] = [];
  for (const { Id, Names } of containers) {
    if (!Names.some((name) => web.test(name))) continue;
    const { Pid } = (await rig.docker.getContainer(Id).inspect()).State;
    sites.push(await sizes(family(Pid, parents)));
  }
  if (sites.length === 0) throw new Error("no site runs here whose memory could be measured");
  const proportional = median(sites.map((each) => each.proportional));
  return [
    {
      what: `memory an idle site of ${rig.count}, shim included (PSS)`,
      value: proportional,
      unit: "MiB",
      budget: { limit: 20, text: "<= 20 MB" },
      against: proportional * 1.048576,
      note: `median of ${sites.length} sites; shared pages counted in parts`,
    },
    {
      what: `memory an idle site of ${rig.count}, shim included (RSS)`,
      value: median(sites.map((each) => each.resident)),
      unit: "MiB",
      note: "shared pages counted again for every process",
    },
  ];
}

/** A container's first process, all below it, and the shim above it. */
function family(pid: number, parents: Map<number, number>): number[] {
  const below = (one: number): number[] => [
    one,
    ...[...parents].filter(([, parent]) => parent === one).flatMap(([child]) => below(child)),
  ];
  return [parents.get(pid) ?? 0, ...below(pid)].filter((each) => each > 1);
}

async function parentsOfAll(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const status = await readFile(`/proc/${entry}/status`, "utf8").catch(() => "");
    const [, parent] = /^PPid:\s+(\d+)/m.exec(status) ?? [];
    if (parent !== undefined) parents.set(Number(entry), Number(parent));
  }
  return parents;
}

async function sizes(pids: number[]): Promise<Sizes> {
  const total = { proportional: 0, resident: 0 };
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
    total.proportional += field(text, "Pss") / 1024;
    total.resident += field(text, "Rss") / 1024;
  }
  return total;
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
}
