import type Dockerode from "dockerode";
import type { OpenWorkspace } from "./workspace.ts";

/** The Docker Engine that manages the pool of a workspace: this machine's, or one of its managers over SSH. */
export async function connectTo({ platform, root }: Pick<OpenWorkspace, "platform" | "root">): Promise<Dockerode> {
  if (platform.pool.driver === "local") return (await import("../../modules/docker/index.ts")).connect();
  return (await import("../../modules/nodes/index.ts")).connectPool(platform.pool, root);
}
