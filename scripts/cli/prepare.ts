import type Dockerode from "dockerode";
import { memoryFor } from "../../modules/capacity/index.ts";
import type { Plan } from "../../stacks/model.ts";
import { makePlan, type PlanRequest } from "../../stacks/plan.ts";
import type { Input } from "./command.ts";
import { connectTo } from "./engine.ts";
import { type OpenWorkspace, openWorkspace } from "./workspace.ts";

export interface Prepared {
  docker: Dockerode;
  workspace: OpenWorkspace;
  plan: Plan;
}

/** Reads the workspace and the cluster, and works out what is to be done. */
export async function prepare(input: Input, only: string[] = []): Promise<Prepared> {
  const workspace = await openWorkspace(input, only);
  return planWorkspace(await connectTo(workspace), workspace, { only });
}

/** Works out what is to be done for a workspace that is open already. */
export async function planWorkspace(
  docker: Dockerode,
  workspace: OpenWorkspace,
  { only = [], extras }: { only?: string[]; extras?: PlanRequest["extras"] } = {},
): Promise<Prepared> {
  const { root, platform, sites, date } = workspace;
  const plan = await makePlan({ docker, root, platform, sites, date, only, extras });
  const memory = plan.pool && memoryFor(platform.name, plan.pool);
  if (memory !== undefined) await workspace.tellMemory(memory);
  return { docker, workspace, plan };
}
