import type Dockerode from "dockerode";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import type { ListedLock } from "../modules/engine/index.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { note, print, printJson } from "./cli/output.ts";

export const lock: Command = {
  name: "lock",
  summary: "Show who is changing what now, and break a lock where it must be",
  details:
    "A lock is renewed each 8 seconds while its holder works, and taken over by itself when the holder is gone. Breaking one is for a holder that hangs: it is refused where the holder renews its lock, unless --force is given. Then the holder notices within seconds, and stops in the midst of its work.",
  options: [
    OPTION.env,
    OPTION.json,
    { flags: "--break <scope>", says: "take this lock away from its holder, once it was watched for 18 seconds" },
    { flags: "--force", says: "with --break: also from a holder that is at work, and at once" },
  ],
  examples: [
    { line: "terrace lock", says: "all locks" },
    { line: "terrace lock --break site-finance", says: "take the lock of one site away" },
  ],
  async run(input) {
    if (flag(input, "force") && text(input, "break") === undefined)
      throw new TerraceError("TERRACE_USAGE", "--force needs --break and a scope", { exitCode: EXIT.usage });
    const [{ openWorkspace }, { connectTo }, { listLocks }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/engine/index.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const docker = await connectTo(workspace);
    const platform = workspace.platform.name;
    const locks = await listLocks(docker, platform);
    const scope = text(input, "break");
    if (scope !== undefined) {
      const found = locks.find((each) => each.scope === scope) ?? notLocked(scope, locks);
      await breakCarefully(docker, platform, found, flag(input, "force"));
    } else if (flag(input, "json")) printJson(locks.map(({ id: _id, ...holder }) => holder));
    else if (locks.length === 0) print("Nothing is locked.");
    else await show(locks);
    return EXIT.done;
  },
};

async function show(locks: ListedLock[]): Promise<void> {
  const { describeHolder } = await import("../modules/engine/index.ts");
  for (const each of locks) {
    const renewed = each.renewed === undefined ? "" : `, renewed at ${each.renewed.slice(11, 19)} UTC`;
    const gone = each.gone ? " (gone: the next run takes it over)" : "";
    print(`${each.scope}: ${describeHolder(each)}${renewed}${gone}`);
  }
}

/** @throws TerraceError `TERRACE_LOCK_HELD` where the holder is at work */
async function breakCarefully(docker: Dockerode, platform: string, held: ListedLock, force: boolean): Promise<void> {
  const { breakLock, describeHolder, isRenewed } = await import("../modules/engine/index.ts");
  const { scope } = held;
  if (!held.gone && !force) {
    note(`watching for 18 s whether the lock is renewed by ${describeHolder(held)}`);
    const renewed = await isRenewed(docker, platform, held.id);
    if (renewed === undefined) return print(`The lock on ${scope} was given back meanwhile.`);
    if (renewed) throw atWork(scope, describeHolder(held));
  }
  await breakLock(docker, held.id);
  print(`Broke the lock on ${scope} of ${describeHolder(held)}.`);
}

function atWork(scope: string, holder: string): TerraceError {
  return new TerraceError("TERRACE_LOCK_HELD", `the holder of the lock on ${scope} is at work; it was not broken`, {
    why: `it is renewed by ${holder}`,
    next: `wait for it, or stop it with Ctrl-C where it runs; to stop it in the midst of its work: terrace lock --break ${scope} --force`,
  });
}

function notLocked(scope: string, locks: ListedLock[]): never {
  throw new TerraceError("TERRACE_NO_LOCK", `${scope} is not locked`, {
    next: `locked are: ${locks.map((each) => each.scope).join(", ") || "none"}`,
    exitCode: EXIT.usage,
  });
}
