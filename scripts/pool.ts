import { EXIT } from "../modules/core/errors.ts";
import type { PoolReport } from "../stacks/pool/report.ts";
import { type Command, flag, OPTION } from "./cli/command.ts";
import { paint, print, printJson } from "./cli/output.ts";
import { poolActivate } from "./pool/activate.ts";
import { poolDrain } from "./pool/drain.ts";
import { poolPlan } from "./pool/plan.ts";
import { poolRecover } from "./pool/recover.ts";
import { poolUp } from "./pool/up.ts";

export const pool: Command = {
  name: "pool",
  summary: "Show the servers: what they have, what is reserved, and by whom",
  details:
    "Swarm places containers by what they reserve (scale.memory), so that counts; what a server really uses is shown where it can be asked. Cores are limits, which may add up to more than there are.",
  options: [OPTION.env, OPTION.json],
  examples: [
    { line: "terrace pool", says: "how full the pool is" },
    { line: "terrace pool up", says: "make, join and set all servers as platform.yaml says" },
    { line: "terrace pool drain n2", says: "empty a server for maintenance" },
  ],
  subcommands: [poolPlan, poolUp, poolDrain, poolActivate, poolRecover],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { readPoolReport }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../stacks/pool/report.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const report = await readPoolReport(await connectTo(workspace), workspace.platform, workspace.root);
    if (flag(input, "json")) printJson(report);
    else await show(report);
    return EXIT.done;
  },
};

async function show({ usage, nodes, warnings }: PoolReport): Promise<void> {
  const [{ table }, { formatSize }] = await Promise.all([
    import("./cli/table.ts"),
    import("../modules/units/index.ts"),
  ]);
  const size = (bytes: number) => (bytes === 0 ? "-" : formatSize(bytes));
  const head = ["NODE", "ROLE", "STATE", "MEMORY", "RESERVED", "FREE", "USED", "CORES", "LIMITS", "LOAD", "CONTAINERS"];
  const rows = nodes.map(({ node, roles, reserved, free, cpuLimits, tasks, used }) => [
    node.name,
    roles.join("+"),
    node.state === "ready" ? node.availability : paint.red(node.state),
    size(node.memory),
    size(reserved),
    size(free),
    used === undefined ? "?" : size(used.memory),
    String(node.cpus),
    cpuLimits.toFixed(2),
    used === undefined ? "?" : used.load.toFixed(2),
    String(tasks),
  ]);
  print(table(head, rows));
  print();
  const shares = usage.sites.map(({ title, platform, tasks, waiting, reserved, used, cpuLimits, nodes: on }) => [
    title,
    platform === "" ? "-" : platform,
    size(reserved),
    used === undefined ? "?" : size(used),
    cpuLimits.toFixed(2),
    waiting === 0 ? String(tasks) : paint.red(`${tasks} + ${waiting} waiting`),
    on.join(" ") || "-",
  ]);
  print(table(["SITE", "PLATFORM", "RESERVED", "USED", "LIMITS", "CONTAINERS", "NODES"], shares));
  print();
  const { total, reserved } = usage.memory;
  const percent = total === 0 ? 0 : Math.round((reserved / total) * 100);
  print(`${percent} % of the memory is reserved: ${size(reserved)} of ${size(total)}.`);
  for (const warning of warnings) print(`${paint.yellow("warning")} ${warning}`);
}
