import { spawn } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../support/sources.ts";

/** How a command ran. */
export interface Timed {
  code: number;
  output: string;
  /** ms from before the start of the process until it is gone. */
  wall: number;
  /** MiB of memory at the most; only where it was asked for. */
  peak: number | undefined;
}

export interface TimedOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Also measure memory: costs a few ms. */
  peak?: boolean;
}

export const TERRACE = join(ROOT, "scripts/terrace.mjs");

/** Tells the largest resident size at the end, on a descriptor of its own. */
const TELL_PEAK =
  "data:text/javascript,import{writeSync}from'node:fs';process.on('exit',()=>writeSync(3,String(process.resourceUsage().maxRSS)))";

/** Runs `terrace ARGS` in a new process and takes the time. */
export function runTerrace(args: string[], options: TimedOptions = {}): Promise<Timed> {
  const hook = options.peak ? ["--import", TELL_PEAK] : [];
  return runTimed(process.execPath, [...hook, TERRACE, ...args], options);
}

export function runTimed(program: string, args: string[], options: TimedOptions = {}): Promise<Timed> {
  const { cwd = ROOT, env = {}, peak = false } = options;
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe", peak ? "pipe" : "ignore"],
    });
    let [output, told] = ["", ""];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (piece: string) => {
        output += piece;
      });
    }
    child.stdio[3]?.on("data", (piece: Buffer) => {
      told += piece.toString();
    });
    let wall = 0;
    child.on("exit", () => {
      wall = performance.now() - started;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code: code ?? -1, output, wall, peak: told === "" ? undefined : Number(told) / 1024 }),
    );
  });
}

/** Fails loudly: a number from a command that failed means nothing. */
export function requireDone({ code, output }: Timed, what: string): void {
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${output.slice(-3000)}`);
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

/** Runs `work` so many times, one after another. */
export async function repeat<T>(times: number, work: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < times; round++) results.push(await work(round));
  return results;
}

export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; wall: number }> {
  const started = performance.now();
  const result = await work();
  return { result, wall: performance.now() - started };
}

/** Waits, `limit` seconds at most, until the machine has little else to do. Returns the load that it has then. */
export async function quiet(limit: number, cores: number): Promise<number> {
  for (let waited = 0; waited < limit; waited += 5) {
    if ((loadavg()[0] ?? 0) < cores * 0.4) break;
    await sleep(5000);
  }
  return loadavg()[0] ?? 0;
}
