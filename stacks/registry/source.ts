import { isMultiNode, managers } from "../../modules/pool/index.ts";
import type { PlatformService } from "../services.ts";

/** The registry from which the nodes of a pool get their images: only where there is more than one node. */
export const registryService: PlatformService = {
  stack: "registry",
  async source({ platform, images }) {
    const [node] = managers(platform.pool);
    if (!isMultiNode(platform.pool) || node === undefined) return undefined;
    const inputs = { platform: platform.name, image: images.registry, base: images.base, node: node.name };
    const program = async () => (await import("./registry.ts")).registryProgram(inputs);
    return { stack: "registry", inputs, program };
  },
};
