import type Dockerode from "dockerode";
import type { ImageSupply } from "../../modules/engine/index.ts";
import { isMultiNode } from "../../modules/pool/index.ts";
import type { OpenWorkspace } from "./workspace.ts";

/** The Docker Engine that manages the pool of a workspace: this machine's, or one of its managers over SSH. */
export async function connectTo({ platform, root }: Pick<OpenWorkspace, "platform" | "root">): Promise<Dockerode> {
  if (platform.pool.driver === "local") return (await import("../../modules/docker/index.ts")).connect();
  return (await import("../../modules/nodes/index.ts")).connectPool(platform.pool, root);
}

/** How the nodes of a pool get their images; `undefined` where one engine has all of them. */
export async function imageSupply(
  { platform, root }: Pick<OpenWorkspace, "platform" | "root">,
  run: { docker: Dockerode; signal: AbortSignal; report(line: string): void },
): Promise<ImageSupply | undefined> {
  if (!isMultiNode(platform.pool)) return undefined;
  const { PoolImages } = await import("../../modules/nodes/index.ts");
  return new PoolImages({ ...run, platform: platform.name, pool: platform.pool, root });
}
