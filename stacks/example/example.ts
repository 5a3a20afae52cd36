import { join } from "node:path";
import * as docker from "@pulumi/docker";
import { shortHash } from "../../modules/core/hash.ts";
import { imageName, objectName } from "../../modules/names/index.ts";
import { contentDigest } from "../../modules/workspace/index.ts";
import type { PlatformImages } from "../images.ts";
import { hardened, logDriver, resources, restartPolicy, rolling, scratch, serviceLabels } from "../parts.ts";
import type { StackSource } from "../services.ts";

const MIB = 1024 * 1024;

/** The example's stand-in for a server outside the pool, on which one county's site still runs. Not part of Terrace's own stacks. */
export function exampleStack(platform: string, root: string) {
  return (images: PlatformImages): StackSource => {
    const context = join(root, "site-content", "old-server");
    return { stack: "example", inputs: undefined, program: async () => () => oldServer(platform, context, images) };
  };
}

async function oldServer(platform: string, context: string, images: PlatformImages): Promise<void> {
  const tag = shortHash(`${images.static.reference}\n${images.pages.digest}\n${await contentDigest(context)}`);
  const reference = imageName(platform, "site-old-server", tag);
  const build = { context, dockerfile: images.pages.dockerfile, args: { STATIC: images.static.reference } };
  const image = new docker.Image("image", { imageName: reference, build, skipPush: true });
  new docker.Service(
    "old-server",
    {
      name: objectName(platform, "example", "old-server"),
      labels: serviceLabels(),
      taskSpec: {
        containerSpec: { image: reference, ...hardened, mounts: [scratch()] },
        networksAdvanceds: [{ name: objectName(platform, "platform", "edge"), aliases: ["old-server"] }],
        resources: resources(64 * MIB, 0.25),
        restartPolicy,
        logDriver,
      },
      mode: { replicated: { replicas: 1 } },
      ...rolling(),
      endpointSpec: { mode: "dnsrr" },
    },
    { dependsOn: [image] },
  );
}
