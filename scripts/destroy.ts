import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { note, paint, print } from "./cli/output.ts";

export const destroy: Command = {
  name: "destroy",
  summary: "Remove all that Terrace made for the platform, and nothing else",
  details:
    "Services, networks, secrets, configs and images go. Volumes hold the sites' data and stay, unless --volumes is given too. Nothing is done without --confirm and the platform's name.",
  options: [
    OPTION.env,
    { flags: "--confirm <platform>", says: "the platform's name, to show that you mean it" },
    { flags: "--volumes", says: "remove the volumes and all data in them as well" },
  ],
  examples: [
    { line: "terrace destroy", says: "show what would be removed" },
    { line: "terrace destroy --confirm honghe", says: "remove it; data stays in its volumes" },
  ],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { destroyObject, listPlatform }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/docker/index.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const { platform } = workspace;
    const docker = await connectTo(workspace);
    const doomed = await listPlatform(docker, platform.name, flag(input, "volumes"));
    const confirmed = text(input, "confirm");
    if (doomed.length === 0) {
      print(`There is nothing of ${platform.name} on this Swarm.`);
      return EXIT.done;
    }
    if (confirmed !== platform.name) {
      for (const { kind, name } of doomed) print(`  ${paint.red("-")} ${kind} ${name}`);
      throw new TerraceError(
        "TERRACE_NOT_CONFIRMED",
        confirmed === undefined
          ? "nothing was removed"
          : `nothing was removed: the platform is ${platform.name}, not ${confirmed}`,
        {
          next: `to remove all of the above: terrace destroy --confirm ${platform.name}${flag(input, "volumes") ? " --volumes" : ""}`,
          exitCode: EXIT.usage,
        },
      );
    }
    const signal = AbortSignal.timeout(10 * 60_000);
    for (const each of doomed) {
      note(`remove ${each.kind} ${each.name}`);
      await destroyObject(docker, each, signal);
    }
    print(
      `Removed ${doomed.length} objects of ${platform.name}.${flag(input, "volumes") ? "" : ` Its volumes are kept: docker volume ls --filter label=terrace.platform=${platform.name}`}`,
    );
    return EXIT.done;
  },
};
