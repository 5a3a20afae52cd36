import { EXIT, type ExitCode, TerraceError } from "../modules/core/errors.ts";
import { type Command, type Input, isPlanFile, OPTION, text } from "./cli/command.ts";

export const apply: Command = {
  name: "apply",
  summary: "Make the cluster as the files say",
  details:
    "Shows the plan, asks, carries it out and waits: each changed site is visited through the edge over TLS. Exits with 1 where a site does not come up; its earlier version then goes on serving.",
  arguments: [{ name: "what...", required: false, says: "sites, or one plan file; all sites where nothing is named" }],
  options: [OPTION.env, OPTION.asOf, OPTION.json, OPTION.yes, OPTION.wait, OPTION.noWait],
  examples: [
    { line: "terrace apply", says: "show, ask, do" },
    { line: "terrace apply finance --yes", says: "one site, without asking" },
    { line: "terrace apply review.plan", says: "just what was reviewed, or nothing" },
  ],
  async run(input) {
    const file = input.arguments.find(isPlanFile);
    return file === undefined ? deploy("apply", input) : applyFile(file, input);
  },
};

/** Plans and carries out; `name` is what others see while they wait for it. */
export async function deploy(name: string, input: Input, quiet = false): Promise<ExitCode> {
  const [{ prepare }, { carry }] = await Promise.all([import("./cli/prepare.ts"), import("./cli/carry.ts")]);
  const replan = () => prepare(input, input.arguments);
  return carry(await replan(), input, { reason: [name, ...input.arguments].join(" "), quiet, replan });
}

/** Carries a reviewed plan out where it would do exactly what it says. */
async function applyFile(path: string, input: Input): Promise<ExitCode> {
  refuseBeside(path, input);
  const [{ prepare }, { carry }, { parsePlanFile, requireSame }, { readText }] = await Promise.all([
    import("./cli/prepare.ts"),
    import("./cli/carry.ts"),
    import("../stacks/plan-file.ts"),
    import("./cli/workspace.ts"),
  ]);
  const reviewed = parsePlanFile(await readText(path), path);
  const { only, env, date } = reviewed.request;
  const request = { arguments: only, options: { ...input.options, env, asOf: date } };
  const replan = async () => {
    const prepared = await prepare(request, only);
    requireSame(reviewed, prepared.plan);
    return prepared;
  };
  return carry(await replan(), request, { reason: `apply ${path}`, replan });
}

/** Which sites, environment and day are meant, the file says. */
function refuseBeside(path: string, input: Input): void {
  const options = [
    ["env", "--env"],
    ["asOf", "--as-of"],
  ] as const;
  const option = options.find(([name]) => text(input, name) !== undefined)?.[1];
  const other = input.arguments.find((each) => each !== path) ?? option ?? input.arguments[1];
  if (other === undefined) return;
  throw new TerraceError("TERRACE_USAGE", `${other} does not go with the plan file ${path}`, {
    why: "the file says which sites, which environment and which day it is for",
    next: `terrace apply ${path}; for another choice make another plan: terrace plan -o FILE`,
    exitCode: EXIT.usage,
  });
}
