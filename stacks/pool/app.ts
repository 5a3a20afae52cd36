import { join } from "node:path";
import { App } from "cdktf";
import type { DriverName } from "../../modules/pool/index.ts";
import type { PoolStackInputs } from "./inputs.ts";
import { LibvirtPool } from "./libvirt/index.ts";

/** The stack of each driver that makes servers. */
const STACKS: Partial<Record<DriverName, typeof LibvirtPool>> = { libvirt: LibvirtPool };

/** The name of the stack, and of the folder that it is written to. */
const STACK = "pool";

/**
 * Writes Terraform's JSON for a pool's servers below a folder, and returns the folder that `tofu` or `terraform` is run in.
 * Talks to nobody.
 */
export function synthesizePool(inputs: PoolStackInputs, outdir: string): string {
  const Stack = STACKS[inputs.pool.driver];
  if (Stack === undefined) throw new Error(`driver ${inputs.pool.driver} makes no servers`);
  const app = new App({ outdir, stackTraces: false });
  new Stack(app, STACK, inputs);
  app.synth();
  return join(outdir, "stacks", STACK);
}
