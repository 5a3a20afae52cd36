import type Dockerode from "dockerode";
import { EXIT, type ExitCode, TerraceError } from "../modules/core/errors.ts";
import type { Doomed } from "../modules/docker/index.ts";
import type { Lock, LockRequest } from "../modules/engine/index.ts";
import type { Disks } from "../modules/nodes/index.ts";
import { isMultiNode } from "../modules/pool/roles.ts";
import { type Command, flag, type Input, OPTION, text } from "./cli/command.ts";
import { note, paint, print, printError } from "./cli/output.ts";
import type { OpenWorkspace } from "./cli/workspace.ts";

export const destroy: Command = {
  name: "destroy",
  summary: "Remove all that Terrace made for the platform, and nothing else",
  details:
    "Services, networks, secrets, configs and images go, in a pool those on every node that answers over SSH. Volumes hold the sites' data and stay, unless --volumes is given too. Nothing is done without --confirm and the platform's name. Whoever is changing a site or making a backup is waited for.",
  options: [
    OPTION.env,
    { flags: "--confirm <platform>", says: "the platform's name, to show that you mean it" },
    { flags: "--volumes", says: "remove the volumes and all data in them as well, and the key of the backups" },
    OPTION.wait,
    OPTION.noWait,
  ],
  examples: [
    { line: "terrace destroy", says: "show what would be removed" },
    { line: "terrace destroy --confirm honghe", says: "remove it; data stays in its volumes" },
  ],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { waitOf }, { interruptible }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("./cli/waiting.ts"),
      import("./cli/interact.ts"),
    ]);
    const wait = waitOf(input);
    const workspace = await openWorkspace(input, "platform");
    const docker = await connectTo(workspace);
    const platform = workspace.platform.name;
    const ground: Ground = { workspace, docker, volumes: flag(input, "volumes") };
    if (text(input, "confirm") !== platform) return listOnly(ground, input);
    return interruptible(async (signal) => {
      const lock = await lockAll({ docker, platform, reason: "destroy", ...wait, signal, report: note });
      try {
        return await removeAll(ground, lock, signal);
      } finally {
        await lock.release();
      }
    });
  },
};

interface Ground {
  workspace: OpenWorkspace;
  docker: Dockerode;
  volumes: boolean;
}

type Held = Pick<Lock, "lost" | "release">;

/** Says what would go. */
async function listOnly(ground: Ground, input: Input): Promise<ExitCode> {
  const { name } = ground.workspace.platform;
  const { doomed, disks } = await lookAround(ground);
  disks?.close();
  if (doomed.length === 0) return nothingThere(name);
  for (const each of doomed) print(`  ${paint.red("-")} ${named(each)}`);
  throw notConfirmed(text(input, "confirm"), name, ground.volumes);
}

async function removeAll(ground: Ground, lock: Held, interrupt: AbortSignal): Promise<ExitCode> {
  const { destroyObject } = await import("../modules/docker/index.ts");
  const { docker, volumes } = ground;
  const { name } = ground.workspace.platform;
  const { doomed, disks } = await lookAround(ground);
  try {
    if (doomed.length === 0) return nothingThere(name);
    const signal = AbortSignal.any([interrupt, lock.lost, AbortSignal.timeout(10 * 60_000)]);
    for (const each of doomed) {
      note(`remove ${named(each)}`);
      await (each.node === undefined ? destroyObject(docker, each, signal) : disks?.remove(each, signal));
    }
  } finally {
    disks?.close();
  }
  print(
    `Removed ${doomed.length} objects of ${name}.${volumes ? "" : ` Its volumes are kept: docker volume ls --filter label=terrace.platform=${name}`}`,
  );
  return (disks?.faults ?? []).length === 0 ? EXIT.done : EXIT.failed;
}

/** All that is to go; nodes that could not be looked at are told. */
async function lookAround({
  workspace,
  docker,
  volumes,
}: Ground): Promise<{ doomed: Doomed[]; disks: Disks | undefined }> {
  const { listPlatform } = await import("../modules/docker/index.ts");
  const disks = await otherDisks(workspace, docker, volumes);
  for (const fault of disks?.faults ?? []) printError(fault);
  const doomed = [...(await listPlatform(docker, workspace.platform.name, volumes)), ...(disks?.doomed ?? [])];
  return { doomed, disks };
}

/**
 * Locks everything, the edge too, and all backups: those conflict with no deploy. Each in the order in which others ask for them: whoever
 * changes the key goes on to a site's backups, and a restore from these to the site. So no lock of somebody who is gone is left.
 */
async function lockAll(request: Omit<LockRequest, "scopes">): Promise<Held> {
  const { ALL, acquireLock, BACKUP_KEY, BACKUPS, EDGE, sweepLocks } = await import("../modules/engine/index.ts");
  await sweepLocks(request.docker, request.platform);
  const held: Lock[] = [];
  const release = async () => void (await Promise.all(held.map((each) => each.release())));
  try {
    for (const scopes of [[BACKUP_KEY], [BACKUPS], [ALL, EDGE]]) {
      const signal = AbortSignal.any([request.signal, ...held.map(({ lost }) => lost)]);
      held.push(await acquireLock({ ...request, signal, scopes }));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return {
    lost: AbortSignal.any(held.map(({ lost }) => lost)),
    release,
  };
}

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

function nothingThere(platform: string): ExitCode {
  print(`There is nothing of ${platform} on this Swarm.`);
  return EXIT.done;
}

function notConfirmed(confirmed: string | undefined, platform: string, volumes: boolean): TerraceError {
  const what =
    confirmed === undefined
      ? "nothing was removed"
      : `nothing was removed: the platform is ${platform}, not ${confirmed}`;
  return new TerraceError("TERRACE_NOT_CONFIRMED", what, {
    next: `to remove all of the above: terrace destroy --confirm ${platform}${volumes ? " --volumes" : ""}`,
    exitCode: EXIT.usage,
  });
}
