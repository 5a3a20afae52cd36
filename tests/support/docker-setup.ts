import { connect } from "../../modules/docker/client.ts";
import { ensureDocker, ensureSwarm } from "../../modules/host/index.ts";
import { OWN_IMAGES } from "../../modules/images/index.ts";
import { removeAbandoned } from "./cleanup.ts";
import { keepDocker } from "./daemon.ts";
import { removeAbandonedServers } from "./servers.ts";
import { holdSharedImages, makeSharedImages } from "./shared-images.ts";

const report = (line: string) => process.stderr.write(`${line}\n`);

/**
 * Before the tests with Docker: an engine that runs and is the manager of a Swarm, and nothing left of a run that crashed. Afterwards:
 * nothing left of this one. A Swarm that was made here, for the tests, and that nobody else has put a service on, is given up again.
 */
export default async function setup(): Promise<() => Promise<void>> {
  await ensureDocker({ report });
  const docker = await connect();
  const unwatch = keepDocker(docker, report);
  const { initialised } = await ensureSwarm(docker, { report });
  await removeAbandoned(docker);
  await removeAbandonedServers();
  const letGo = await holdSharedImages(docker);
  await makeSharedImages(docker, OWN_IMAGES, report);
  return async () => {
    await letGo();
    await unwatch();
    await removeAbandoned(docker);
    await removeAbandonedServers();
    if (!initialised || (await docker.listServices()).length > 0) return;
    await docker.swarmLeave({ force: true });
    await docker
      .getNetwork("docker_gwbridge")
      .remove()
      .catch(() => undefined);
  };
}
