import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../support/sources.ts";
import { charts } from "./charts.ts";
import { type Result, ratio, show, verdict } from "./report.ts";
import { barChart } from "./svg.ts";

/** What one run of the bench said: `npm run bench -- --json`. */
export interface Run {
  machine: {
    cores: number;
    cpu?: string;
    memory: number;
    kernel: string;
    node: string;
    load: number;
    date: string;
    version?: string;
  };
  results: Result[];
}

const FOLDER = "docs/performance";
const PAGE = "docs/performance.md";
const [BEGIN, END] = ["<!-- measured: made by npm run bench -- --render -->", "<!-- end of what is made -->"];

const SOURCE = "Made from [what the bench printed](performance/results.json), on:";

/** Writes tables and plots into the documentation from runs of the bench; what a later file measured again replaces what came before. */
export async function render(files: string[]): Promise<string[]> {
  const runs = (await Promise.all(files.map(readRuns))).flat();
  const results = merged(runs);
  await mkdir(join(ROOT, FOLDER), { recursive: true });
  const drawn = charts(results);
  for (const { file, chart } of drawn) await writeFile(join(ROOT, FOLDER, file), barChart(chart));
  await writeFile(join(ROOT, FOLDER, "results.json"), `${JSON.stringify(runs, null, 1)}\n`);
  const page = await readFile(join(ROOT, PAGE), "utf8");
  const plots = drawn.map(({ file, chart }) => `![${chart.title}](performance/${file})`);
  await writeFile(join(ROOT, PAGE), insert(page, [SOURCE, machines(runs), table(results), ...plots].join("\n\n")));
  return [PAGE, `${FOLDER}/results.json`, ...drawn.map(({ file }) => `${FOLDER}/${file}`)];
}

async function readRuns(file: string): Promise<Run[]> {
  const text = await readFile(file, "utf8");
  // npm prints what it runs before the document.
  const run = JSON.parse(text.slice(text.search(/^[[{]/m))) as Run | Run[];
  return Array.isArray(run) ? run : [run];
}

function merged(runs: Run[]): Result[] {
  const results = new Map<string, Result>();
  for (const each of runs.flatMap((run) => run.results)) {
    const key = `${each.what}|${each.peer?.name ?? ""}`;
    results.set(key, each);
  }
  return [...results.values()];
}

function insert(page: string, text: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE} has no place for what was measured`);
  return `${before}${BEGIN}\n\n${text}\n\n${END}${after}`;
}

function machines(runs: Run[]): string {
  const lines = runs.map(({ machine }) => {
    const { date, cores, cpu = "unknown", memory, kernel, node, load, version } = machine;
    const size = `${cores} cores (${cpu}), ${Math.round(memory / 2 ** 30)} GiB`;
    return `- ${date.slice(0, 16).replace("T", " ")} UTC: ${size}, Linux ${kernel}, Node ${node}, load ${load.toFixed(2)} at the start${version === undefined ? "" : `, commit ${version}`}`;
  });
  return [...new Set(lines)].join("\n");
}

function table(results: Result[]): string {
  const rows = results.map((each) => {
    const { what, value, unit, budget, peer, note = "" } = each;
    const held = verdict(each);
    const times = ratio(each);
    return [
      what,
      show(value, unit),
      budget === undefined ? "" : `${budget.text.replace("<=", "≤").replace(">=", "≥")} ${held === "ok" ? "✓" : "✗"}`,
      peer === undefined ? "" : `${peer.name} ${show(peer.value, unit)}`,
      times === undefined ? "" : times.toFixed(2),
      note,
    ];
  });
  const lines = [
    ["measured", "value", "budget", "peer in the same run", "ratio", "note"],
    Array(6).fill("---"),
    ...rows,
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`.replaceAll(/ +\|/g, " |")).join("\n");
}
