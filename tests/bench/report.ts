import { table } from "../../scripts/cli/table.ts";

/** One measured number. */
export interface Result {
  /** What was measured, e.g. `plan, no change, 1000 sites: wall`. */
  what: string;
  value: number;
  unit: "ms" | "MiB" | "calls" | "requests" | "ratio";
  /** The most that the design allows (for a ratio with `atLeast`: the least). */
  budget?: { limit: number; atLeast?: boolean; text: string };
  /** The same done by something else in the same run. */
  peer?: { name: string; value: number };
  /** What is held against the budget where it is not the value itself. */
  against?: number;
  note?: string;
}

export type Verdict = "ok" | "over" | "";

export function verdict({ value, budget, against = value }: Result): Verdict {
  if (budget === undefined) return "";
  return (budget.atLeast ? against >= budget.limit : against <= budget.limit) ? "ok" : "over";
}

/** What is over its budget. */
export function missed(results: Result[]): string[] {
  return results.filter((each) => verdict(each) === "over").map(({ what }) => what);
}

export function ratio({ value, peer }: Result): number | undefined {
  return peer === undefined || peer.value === 0 ? undefined : value / peer.value;
}

export function show(value: number, unit: Result["unit"]): string {
  if (unit === "calls" || unit === "requests") return String(value);
  if (unit === "ratio") return value.toFixed(3);
  if (unit === "MiB") return `${value.toFixed(1)} MiB`;
  return value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : value >= 1000
      ? `${(value / 1000).toFixed(2)} s`
      : `${value.toFixed(0)} ms`;
}

/** The table for people. */
export function resultTable(results: Result[]): string {
  const rows = results.map((each) => {
    const { what, value, unit, budget, peer, note = "" } = each;
    const times = ratio(each);
    return [
      what,
      show(value, unit),
      budget?.text ?? "",
      verdict(each),
      peer === undefined ? "" : `${peer.name} ${show(peer.value, unit)}`,
      times === undefined ? "" : `${times.toFixed(2)} x`,
      note,
    ];
  });
  return table(["measured", "value", "budget", "", "peer in this run", "ratio", "note"], rows);
}

/** The same for machines. */
export function resultJson(results: Result[], machine: object): string {
  const plain = results.map((each) => ({ ...each, ratio: ratio(each), verdict: verdict(each) }));
  return JSON.stringify({ machine, results: plain }, null, 2);
}
