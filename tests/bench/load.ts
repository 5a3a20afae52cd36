import { mkdtemp, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requirePackages } from "../support/packages.ts";
import { runTimed } from "./measure.ts";

/** What a load of kept connections saw. */
export interface Load {
  /** Requests a second. */
  rate: number;
  /** ms within which 99 of 100 answers came. */
  p99: number;
}

/** Which server gets the load, and under which name. */
export interface Target {
  host: string;
  address: string;
  port: number;
}

const CONNECTIONS = 32;

/** Whether `wrk` can be used: root installs it where it is missing, and only root can give it a hosts file of its own. */
export async function hasWrk(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  await requirePackages({ "/usr/bin/wrk": "wrk" }).catch(() => undefined);
  const found = await runTimed("sh", ["-c", "command -v wrk && command -v unshare"]).catch(() => undefined);
  return found?.code === 0;
}

/** As many requests as go through 32 kept connections for some seconds. Throws where an answer is not a success. */
export async function put(target: Target, seconds: number, wrk: boolean): Promise<Load> {
  return wrk ? withWrk(target, seconds) : withNode(target, seconds);
}

/** wrk takes the name for TLS from the URL, so the name must lead to the server: in a hosts file that only wrk sees. */
async function withWrk({ host, address, port }: Target, seconds: number): Promise<Load> {
  const folder = await mkdtemp(join(tmpdir(), "terrace-bench-"));
  try {
    const hosts = join(folder, "hosts");
    await writeFile(hosts, `${address} ${host}\n`);
    const wrk = `wrk -t1 -c${CONNECTIONS} -d${seconds}s --timeout 10s --latency https://${host}:${port}/`;
    const script = `mount --bind ${hosts} /etc/hosts && exec ${wrk}`;
    const { output } = await runTimed("unshare", ["--mount", "sh", "-c", script]);
    const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1] ?? Number.NaN);
    const [, size, unit = ""] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(output) ?? [];
    const bad = /Non-2xx|Socket errors: (?!connect 0, read 0, write 0, timeout 0)/.test(output);
    if (bad || Number.isNaN(rate)) throw new Error(`the load did not go well:\n${output}`);
    return { rate, p99: Number(size) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withNode({ host, address, port }: Target, seconds: number): Promise<Load> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: CONNECTIONS, rejectUnauthorized: false });
  const until = performance.now() + seconds * 1000;
  const times: number[] = [];
  const visit = () =>
    new Promise<void>((resolve, reject) => {
      const call = https.get({ host: address, port, servername: host, headers: { host }, agent }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`the load got ${answer.statusCode}`));
        answer.on("end", resolve).resume();
      });
      call.on("error", reject);
    });
  const worker = async () => {
    while (performance.now() < until) {
      const started = performance.now();
      await visit();
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  agent.destroy();
  times.sort((one, other) => one - other);
  return { rate: times.length / seconds, p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
}
