import { execFile } from "node:child_process";
import { appendFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import type { Target } from "./types.ts";

/**
 * Waits until a server that was just made answers, and keeps its host key in the workspace's `secrets/ssh/known_hosts`. Only for servers
 * that the same run made: whoever else answers at an address is not to be believed.
 *
 * @param limit ms
 * @throws TerraceError `TERRACE_NODE_UNREACHABLE`
 */
export async function learnHostKey(target: Target, root: string, limit: number, signal: AbortSignal): Promise<void> {
  const until = Date.now() + limit;
  for (;;) {
    signal.throwIfAborted();
    const lines = await scan(target);
    if (lines !== "") {
      const file = join(root, "secrets", "ssh", "known_hosts");
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await appendFile(file, lines, { mode: 0o600 });
      return;
    }
    if (Date.now() > until) {
      throw new TerraceError("TERRACE_NODE_UNREACHABLE", `${target.name} was made, but does not answer over SSH`, {
        where: `${target.address}, port ${target.ssh.port}`,
        next: "look at its console (virsh console), then run this again",
      });
    }
    await sleep(1000, undefined, { signal });
  }
}

/** Its key in the form of `known_hosts`; empty where nobody answers. */
function scan({ address, ssh }: Target): Promise<string> {
  const args = ["-T", "5", "-t", "ed25519", "-p", String(ssh.port), "--", address];
  return new Promise((resolve) => {
    execFile("ssh-keyscan", args, (_error, stdout) => resolve(stdout.replaceAll(/^#.*\n/gm, "")));
  });
}
