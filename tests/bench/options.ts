import { parseArgs } from "node:util";

/** What can be measured, in the order in which it is. */
export const BENCHES = [
  "help",
  "plan",
  "deploy",
  "no-change",
  "add",
  "change",
  "steady",
  "memory",
  "edge",
  "backup",
] as const;
export type BenchName = (typeof BENCHES)[number];

export interface Options {
  only: ReadonlySet<BenchName>;
  /** Numbers of sites on the real engine, e.g. `[15, 200]`. */
  sites: number[];
  /** Numbers of sites against the simulated API. */
  simulated: number[];
  /** MiB of data, the first for comparison: restores must need no more memory for more. Speed is measured up to 1,000. */
  data: number[];
  /** How often each timing is taken. */
  rounds: number;
  /** Seconds of load for one measurement of the edge. */
  load: number;
  /** A short run: a budget that is missed says nothing then. */
  quick: boolean;
  json: boolean;
  /** Measure nothing: write the documentation from these results. */
  render: string[] | undefined;
  /** Only show how it is used. */
  help: boolean;
}

export const USAGE = `npm run bench -- [options]
  --only NAMES    only these, with commas: ${BENCHES.join(", ")}
  --sites N,M     so many sites on the real engine (default 15); with two numbers the cost of one site is compared;
                  steady needs 12
  --full          also plan 10,000 sites against the simulated API, and restore 5,000 MiB (takes 25 GB of disk)
  --rounds N      how often each timing is taken (default 3)
  --quick         one round and short loads: whether it runs, not what it measures; a missed budget is no failure then
  --json          for machines
  --render FILES  measure nothing: write docs/performance.md and its plots from what --json printed earlier
Exits with 1 where a budget is missed, after it has printed everything.`;

/** @throws Error with the usage where an option is wrong */
export function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: "string" },
      sites: { type: "string", default: "15" },
      rounds: { type: "string" },
      full: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      render: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const names = values.only?.split(",") ?? [...BENCHES];
  const unknown = names.filter((name) => !(BENCHES as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`there is no bench ${unknown.join(", ")}\n${USAGE}`);
  if (values.render !== positionals.length > 0)
    throw new Error(`files belong to --render, and to nothing else\n${USAGE}`);
  const sites = values.sites.split(",").map((text) => count(text, 2, 400));
  return {
    only: new Set(names as BenchName[]),
    sites,
    simulated: values.full ? [1000, 10_000] : [1000],
    data: values.full ? [100, 1000, 5000] : values.quick ? [20, 100] : [100, 1000],
    rounds: values.rounds === undefined ? (values.quick ? 1 : 3) : count(values.rounds, 1, 50),
    load: values.quick ? 2 : 4,
    quick: values.quick,
    json: values.json,
    render: values.render ? positionals : undefined,
    help: values.help,
  };
}

function count(text: string, least: number, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new Error(`${text} is no whole number from ${least} to ${most}\n${USAGE}`);
  }
  return number;
}
