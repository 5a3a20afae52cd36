import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { WRITES } from "../support/faulty-socket.ts";
import { median, repeat } from "./measure.ts";
import type { BenchName } from "./options.ts";
import { bareCreates, StackPeer, siteSpecs, stackCli } from "./peers.ts";
import type { Result } from "./report.ts";
import type { Rig } from "./rig.ts";

/** The budgets of whole deploys and of plans against peers are meant for this many sites. */
const MANY = 200;

/** Times of deploys from nothing, in ms, and of doing them again without a change. */
interface Times {
  bare: number[];
  terrace: number[];
  stack: number[];
  stackAgain: number[];
  /** MiB that the machine has less for each bare site. */
  machine: number[];
}

/**
 * All sites from nothing and again without a change, by Terrace and by its peers, in turns. Ends with Terrace's deployed.
 *
 * @param rounds how often each is deployed; ignored for peers that nobody asked for
 */
export async function measureDeploys(rig: Rig, only: ReadonlySet<BenchName>, rounds: number): Promise<Result[]> {
  const results: Result[] = [];
  const wanted = only.has("deploy") || only.has("no-change") || only.has("memory");
  const first = (await rig.up()).wall;
  if (!wanted) return results;
  const many = Math.max(1, Math.round((rounds * 15) / Math.max(15, rig.count)));
  const times = await takeTurns(rig, only, many);
  const cli = times.stack.length > 0;
  const note = `median of ${many}`;
  if (only.has("deploy")) {
    const what = `${rig.count} sites from nothing`;
    const bare = { name: "bare creates", value: median(times.bare) };
    const value = median(times.terrace);
    const budget = { limit: 1.1, text: "<= 1.1 x" };
    const held = rig.count >= MANY && { budget, against: value / bare.value };
    results.push({ what: `${what}: terrace up`, value, unit: "ms", ...held, peer: bare, note });
    const stack = { name: "stack deploy", value: median(times.stack) };
    results.push({
      what: `${what}: terrace up`,
      value,
      unit: "ms",
      ...(cli ? { peer: stack, note } : { note: "peer not available" }),
    });
    results.push({ what: `${what}, their images too: terrace up`, value: first, unit: "ms", note: "once" });
  }
  if (only.has("no-change")) results.push(...(await noChange(rig, times, rounds)));
  if (only.has("memory")) {
    results.push({
      what: `memory an idle site of ${rig.count}, whole machine`,
      value: median(times.machine),
      unit: "MiB",
      note: "what the machine has less, bare sites",
    });
  }
  return results;
}

async function takeTurns(rig: Rig, only: ReadonlySet<BenchName>, many: number): Promise<Times> {
  const times: Times = { bare: [], terrace: [], stack: [], stackAgain: [], machine: [] };
  const cli = await stackCli();
  for (let round = 0; round < many; round++) {
    await rig.clear();
    const specs = await siteSpecs(rig);
    if (only.has("deploy") || only.has("memory")) {
      await sleep(3000);
      const before = await available();
      times.bare.push(await bareCreates(rig, specs));
      await sleep(3000);
      times.machine.push((before - (await available())) / rig.count);
      await rig.clear();
    }
    if (cli !== undefined && (only.has("deploy") || only.has("no-change"))) {
      const peer = new StackPeer(rig, cli);
      await peer.prepare(specs);
      times.stack.push(await peer.deployAndWait());
      if (only.has("no-change")) times.stackAgain.push(...(await repeat(round === 0 ? 3 : 1, () => peer.deploy())));
      await rig.clear();
    }
    await sleep(3000);
    times.terrace.push((await rig.up()).wall);
  }
  return times;
}

async function noChange(rig: Rig, { stackAgain }: Times, rounds: number): Promise<Result[]> {
  const plans = await repeat(Math.max(3, rounds), () => rig.plan());
  const what = `plan, no change, ${rig.count} real sites`;
  const value = median(plans);
  const note = `median of ${plans.length}`;
  const made = await rig.planCalls();
  const writes = made.filter(WRITES);
  if (writes.length > 0) throw new Error(`a plan wrote: ${writes.join(", ")}`);
  const calls: Result = { what: `${what}: API calls`, value: made.length, unit: "calls", note: "none of them writes" };
  if (stackAgain.length === 0) return [{ what, value, unit: "ms", note: "peer not available" }, calls];
  const peer = { name: "stack deploy", value: median(stackAgain) };
  const budget = { limit: 0.1, text: "<= 0.1 x" };
  const against = value / peer.value;
  return [{ what, value, unit: "ms", peer, note, ...(rig.count >= MANY && { budget, against }) }, calls];
}

/** MiB that the kernel says could be given to programs. */
async function available(): Promise<number> {
  const [, kilobytes = "0"] = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile("/proc/meminfo", "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}
