import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { TerraceError } from "../core/errors.ts";

/** Files by which a client shows who it is and knows who it talks to. */
export interface SshFiles {
  /** Path of the private key; `undefined` where the agent, or ssh's own defaults, have it. */
  key: string | undefined;
  /** In the order in which they are looked at. */
  knownHosts: string[];
}

/**
 * The private key of a name: the workspace's `secrets/ssh/NAME`, else the user's `~/.ssh/NAME`.
 *
 * @throws TerraceError `TERRACE_SSH_KEY_MISSING`
 */
export async function findKey(root: string, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const places = [join(root, "secrets", "ssh", name), join(homedir(), ".ssh", name)];
  for (const path of places) if (await isThere(path)) return path;
  throw new TerraceError("TERRACE_SSH_KEY_MISSING", `there is no SSH key ${name}`, {
    where: "platform.yaml, pool",
    why: `neither secrets/ssh/${name} nor ~/.ssh/${name} is there`,
    next: `put the private key into secrets/ssh/${name} (git ignores it), readable by you alone: chmod 600`,
  });
}

/** Host keys that the workspace knows come first, then the user's own. New ones are written to neither. */
export function knownHostsFiles(root: string): string[] {
  return [join(root, "secrets", "ssh", "known_hosts"), join(homedir(), ".ssh", "known_hosts")];
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
