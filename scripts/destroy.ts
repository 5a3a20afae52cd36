import type Dockerode from "dockerode";
import { EXIT, TerraceError } from "../modules/core/errors.ts";
import type { Doomed } from "../modules/docker/index.ts";
import type { Disks } from "../modules/nodes/index.ts";
import { isMultiNode } from "../modules/pool/roles.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { note, paint, print, printError } from "./cli/output.ts";
import type { OpenWorkspace } from "./cli/workspace.ts";

export const destroy: Command = {
  name: "destroy",
  summary: "Remove all that Terrace made for the platform, and nothing else",
  details:
    "Services, networks, secrets, configs and images go, in a pool those on every node that answers over SSH. Volumes hold the sites' data and stay, unless --volumes is given too. Nothing is done without --confirm and the platform's name.",
  options: [
    OPTION.env,
    { flags: "--confirm <platform>", says: "the platform's name, to show that you mean it" },
    { flags: "--volumes", says: "remove the volumes and all data in them as well, and the key of the backups" },
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
    const volumes = flag(input, "volumes");
    const docker = await connectTo(workspace);
    const disks = await otherDisks(workspace, docker, volumes);
    const doomed = [...(await listPlatform(docker, platform.name, volumes)), ...(disks?.doomed ?? [])];
    for (const fault of disks?.faults ?? []) printError(fault);
    if (doomed.length === 0) {
      print(`There is nothing of ${platform.name} on this Swarm.`);
      return EXIT.done;
    }
    requireName(text(input, "confirm"), platform.name, doomed, volumes);
    const signal = AbortSignal.timeout(10 * 60_000);
    for (const each of doomed) {
      note(`remove ${named(each)}`);
      await (each.node === undefined ? destroyObject(docker, each, signal) : disks?.remove(each, signal));
    }
    disks?.close();
    print(
      `Removed ${doomed.length} objects of ${platform.name}.${volumes ? "" : ` Its volumes are kept: docker volume ls --filter label=terrace.platform=${platform.name}`}`,
    );
    return (disks?.faults ?? []).length === 0 ? EXIT.done : EXIT.failed;
  },
};

/** The disks of the other nodes of a pool; `undefined` where one machine is all. */
async function otherDisks(
  { platform, root }: OpenWorkspace,
  docker: Dockerode,
  volumes: boolean,
): Promise<Disks | undefined> {
  if (!isMultiNode(platform.pool)) return undefined;
  const { lookAtDisks } = await import("../modules/nodes/index.ts");
  return lookAtDisks(platform.pool, docker, { root, platform: platform.name, volumes });
}

function named({ kind, name, node }: Doomed): string {
  return `${kind} ${name}${node === undefined ? "" : ` on ${node}`}`;
}

function requireName(confirmed: string | undefined, platform: string, doomed: Doomed[], volumes: boolean): void {
  if (confirmed === platform) return;
  for (const each of doomed) print(`  ${paint.red("-")} ${named(each)}`);
  throw new TerraceError(
    "TERRACE_NOT_CONFIRMED",
    confirmed === undefined
      ? "nothing was removed"
      : `nothing was removed: the platform is ${platform}, not ${confirmed}`,
    {
      next: `to remove all of the above: terrace destroy --confirm ${platform}${volumes ? " --volumes" : ""}`,
      exitCode: EXIT.usage,
    },
  );
}
