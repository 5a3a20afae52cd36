import { ALL, sweepLocks, withLock } from "../../modules/engine/index.ts";
import type { Maintenance } from "../../stacks/pool/maintenance.ts";
import type { Input } from "../cli/command.ts";
import { connectTo } from "../cli/engine.ts";
import { interruptible } from "../cli/interact.ts";
import { note } from "../cli/output.ts";
import { waitOf } from "../cli/waiting.ts";
import { openWorkspace } from "../cli/workspace.ts";

/** Does something with the pool while nobody changes a site. */
export async function maintain(input: Input, reason: string, work: (run: Maintenance) => Promise<void>): Promise<void> {
  const wait = waitOf(input);
  const workspace = await openWorkspace(input, "platform");
  const docker = await connectTo(workspace);
  const platform = workspace.platform.name;
  await sweepLocks(docker, platform);
  await interruptible((signal) =>
    withLock({ docker, platform, scopes: [ALL], reason, ...wait, signal, report: note }, (both) =>
      work({ docker, signal: both, report: note }),
    ),
  );
}
