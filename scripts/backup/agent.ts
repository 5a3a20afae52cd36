import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import type { Command } from "../cli/command.ts";
import { note } from "../cli/output.ts";

export const agent: Command = {
  name: "agent",
  summary: "Run what is due, for ever; the platform's own service does this",
  details:
    "Takes the platform's name from TERRACE_PLATFORM and everything else from the cluster. Stops after what is under way is stopped.",
  examples: [{ line: "terrace backup agent", says: "within the service PLATFORM-backup_agent" }],
  async run() {
    const [{ connect }, { runAgent }] = await Promise.all([
      import("../../modules/docker/index.ts"),
      import("../../stacks/backup/agent.ts"),
    ]);
    const platform = process.env.TERRACE_PLATFORM;
    if (platform === undefined || platform === "") {
      throw new TerraceError("TERRACE_USAGE", "TERRACE_PLATFORM does not name a platform", { exitCode: EXIT.usage });
    }
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
    const report = (line: string) => note(`${new Date().toISOString().slice(0, 19)}Z ${line}`);
    await runAgent({ docker: await connect(), platform, signal: stop.signal, report });
    return EXIT.done;
  },
};
