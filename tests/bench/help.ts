import { median, repeat, requireDone, runTerrace, runTimed } from "./measure.ts";
import type { Result } from "./report.ts";

/** The command that does nothing but show itself: what every command costs at the least, beside what Node alone costs. */
export async function measureHelp(): Promise<Result[]> {
  requireDone(await runTerrace(["--help"]), "terrace --help");
  const runs = await repeat(10, async () => ({
    help: await runTerrace(["--help"]),
    alone: await runTimed(process.execPath, ["-e", "0"]),
  }));
  const value = median(runs.map(({ help }) => help.wall));
  const peer = { name: "node -e 0", value: median(runs.map(({ alone }) => alone.wall)) };
  const budget = { limit: 250, text: "<= 250 ms" };
  return [{ what: "terrace --help", value, unit: "ms", budget, peer, note: "median of 10" }];
}
