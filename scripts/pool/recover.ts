import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import type { Recovered, Recovery } from "../../modules/nodes/index.ts";
import { type Command, OPTION, text } from "../cli/command.ts";
import { note, paint, print } from "../cli/output.ts";

export const poolRecover: Command = {
  name: "recover",
  summary: "Found the Swarm anew from a manager that is left, where most of them are lost for good",
  details:
    "Only where more than half of the managers are lost and can't come back: it is refused while enough of them answer. The manager that is left keeps all services, secrets and networks, and the volumes on its disk; the other managers are taken out of the Swarm, and those that still run join again by `terrace pool up`. Nothing is done without --confirm and the platform's name. Where the other managers run, and only this machine can't reach them, there would be two Swarms: make sure that they are off.",
  options: [
    OPTION.env,
    { flags: "--confirm <platform>", says: "the platform's name, to show that you mean it" },
    { flags: "--on <node>", says: "the manager to go on from; by itself the first of platform.yaml that is left" },
  ],
  examples: [
    { line: "terrace pool recover", says: "show what is left, and what would be done" },
    { line: "terrace pool recover --confirm honghe", says: "do it; then `terrace pool up` and `terrace up`" },
  ],
  async run(input) {
    const [{ openWorkspace }, { planRecovery }, { interruptible }] = await Promise.all([
      import("../cli/workspace.ts"),
      import("../../modules/nodes/index.ts"),
      import("../cli/interact.ts"),
    ]);
    const { root, platform } = await openWorkspace(input, "platform");
    if (platform.pool.driver === "local") {
      throw new TerraceError("TERRACE_POOL_LOCAL", "the pool is this machine: there are no other managers to lose", {
        next: "`npm start` sets this machine up",
        exitCode: EXIT.usage,
      });
    }
    return interruptible(async (signal) => {
      const options = { root, platform: platform.name, on: text(input, "on"), signal, report: note };
      const recovery = await planRecovery(platform.pool, options);
      show(recovery);
      requireName(text(input, "confirm"), platform.name);
      tell(recovery, await recovery.run());
      return EXIT.done;
    });
  },
};

function show({ survivor, rejoin, lost }: Recovery): void {
  print(`  ${paint.green("+")} ${survivor}: founds the Swarm anew, as its only manager`);
  for (const name of rejoin) print(`  ${paint.yellow("~")} ${name}: is a manager that is left too; it joins again`);
  if (rejoin.length > 0) print(`    to go on from another one that is left: --on ${rejoin.join(" or ")}`);
  for (const name of lost) print(`  ${paint.red("-")} ${name}: does not answer`);
}

function requireName(confirmed: string | undefined, platform: string): void {
  if (confirmed === platform) return;
  throw new TerraceError(
    "TERRACE_NOT_CONFIRMED",
    confirmed === undefined ? "nothing was done" : `nothing was done: the platform is ${platform}, not ${confirmed}`,
    {
      why: "a server that does not answer here, and runs all the same, would go on with a Swarm of its own",
      next: `make sure that the lost managers are off; then: terrace pool recover --confirm ${platform}`,
      exitCode: EXIT.usage,
    },
  );
}

function tell({ survivor, rejoin }: Recovery, { removed, dataOn }: Recovered): void {
  print(`The Swarm has a leader again: ${survivor}. Taken out: ${removed.join(", ") || "nothing"}.`);
  for (const { node, sites } of dataOn) {
    const again = rejoin.includes(node) ? "they are back when it has joined again" : "their data is on its disk";
    print(`${paint.yellow("warning")} ${sites.join(", ")}: bound to ${node}: ${again}`);
  }
  print("Before a lost server is switched on again, or where it is on already: terrace pool up");
  print("Next: take servers that are lost for good out of platform.yaml, then terrace pool up, then terrace up");
}
