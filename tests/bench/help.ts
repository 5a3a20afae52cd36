import { median, repeat, requireDone, runTerrace } from "./measure.ts";
import type { Result } from "./report.ts";

/** The command that does nothing but show itself: what every command costs at the least. */
export async function measureHelp(): Promise<Result[]> {
  requireDone(await runTerrace(["--help"]), "terrace --help");
  const runs = await repeat(10, () => runTerrace(["--help"]));
  const value = median(runs.map(({ wall }) => wall));
  return [
    { what: "terrace --help", value, unit: "ms", budget: { limit: 250, text: "<= 250 ms" }, note: "median of 10" },
  ];
}
