import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { print, printJson } from "./cli/output.ts";

export const lock: Command = {
  name: "lock",
  summary: "Show who is changing what now, and break a lock where it must be",
  details:
    "A lock is renewed while its holder works, and taken over by itself when the holder is gone. Breaking one is for a holder that hangs: it notices within seconds, and stops.",
  options: [OPTION.env, OPTION.json, { flags: "--break <scope>", says: "take this lock away from its holder" }],
  examples: [
    { line: "terrace lock", says: "all locks" },
    { line: "terrace lock --break site-finance", says: "take the lock of one site away" },
  ],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { breakLock, describeHolder, listLocks }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/engine/index.ts"),
    ]);
    const workspace = await openWorkspace(input);
    const { platform } = workspace;
    const docker = await connectTo(workspace);
    const locks = await listLocks(docker, platform.name);
    const scope = text(input, "break");
    if (scope !== undefined) {
      const found = locks.find((each) => each.scope === scope);
      if (found === undefined) {
        throw new TerraceError("TERRACE_NO_LOCK", `${scope} is not locked`, {
          next: `locked are: ${locks.map((each) => each.scope).join(", ") || "none"}`,
          exitCode: EXIT.usage,
        });
      }
      await breakLock(docker, found.id);
      print(`Broke the lock on ${scope} of ${describeHolder(found)}.`);
    } else if (flag(input, "json")) printJson(locks.map(({ id: _id, ...holder }) => holder));
    else if (locks.length === 0) print("Nothing is locked.");
    else
      for (const each of locks)
        print(`${each.scope}: ${describeHolder(each)}${each.gone ? " (gone: the next run takes it over)" : ""}`);
    return EXIT.done;
  },
};
