import type Dockerode from "dockerode";
import { LABEL } from "../../modules/core/labels.ts";
import { removePlatform } from "./cleanup.ts";
import { uniquePlatform } from "./names.ts";

/**
 * The last platform of an engine takes the images along that all platforms share. Tests make them once: as long as this platform of a
 * single service that does nothing is there, no other one is the last.
 */
export async function holdSharedImages(docker: Dockerode): Promise<() => Promise<void>> {
  const platform = uniquePlatform();
  await docker.createService({
    Name: `${platform}-holder`,
    Labels: { [LABEL.platform]: platform },
    TaskTemplate: { ContainerSpec: { Image: "none" } },
    Mode: { Replicated: { Replicas: 0 } },
  });
  return () => removePlatform(docker, platform);
}
