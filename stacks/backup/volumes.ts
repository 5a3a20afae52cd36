import type Dockerode from "dockerode";
import { type BackupList, repositoryJob } from "../../modules/backup/index.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { call, get, type JobSpec, runJob } from "../../modules/docker/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { homeOf } from "../../modules/pool/index.ts";
import type { RepositorySession, Session } from "./run.ts";

/** Where the pages are in the image of a static site. */
const PAGES = "/srv/www";
const SOCKET = "/var/run/docker.sock";

interface Node {
  ID: string;
  CreatedAt: string;
  Spec: { Role: string; Availability: string; Labels?: Record<string, string> };
  Status: { State: string };
}

/**
 * Where the work on a site is done that is bound to no node: all of it on one, or what a job leaves would not be there for the next. A
 * repository in a folder is on one node for good: the manager that was first. No constraint where there is but one node.
 */
export async function placeOf(
  docker: Dockerode,
  { repository, copy }: Pick<BackupList, "repository" | "copy">,
): Promise<string[]> {
  const nodes = await get<Node[]>(docker, "/nodes");
  if (nodes.length < 2) return [];
  const folder = repository.kind === "local" || copy?.kind === "local";
  const able = ({ Spec, Status }: Node) => Spec.Availability === "active" && Status.State === "ready";
  const [first] = nodes
    .filter((node) => node.Spec.Role === "manager" && (folder || able(node)))
    .sort((a, b) => a.CreatedAt.localeCompare(b.CreatedAt));
  return first === undefined ? [] : [`node.id==${first.ID}`];
}

/** Whether the work on a site is done on the very node whose engine is asked. */
export async function isHere({ context: { docker }, constraints }: RepositorySession): Promise<boolean> {
  if (constraints.length === 0) return true;
  const { Swarm } = await get<{ Swarm: { NodeID: string } }>(docker, "/info");
  const { ID, Spec } = await get<Node>(docker, `/nodes/${Swarm.NodeID}`);
  const fulfils = (one: string) => one === `node.id==${ID}` || homeOf([one]) === (Spec.Labels?.[LABEL.node] ?? "");
  return constraints.every(fulfils);
}

/** Holds a static site's pages while they are read. */
export function contentName(platform: string, site: string): string {
  return objectName(platform, siteStack(site), "backup-content");
}

/** Holds a part of what a backup has of a site's files while it is given out. */
export function filesName(platform: string, site: string, part: "site" | "content"): string {
  return objectName(platform, "backup", `files-${site}-${part}`);
}

/** The container of the moment from which Docker gives these files out. */
export function filesContainer(platform: string, site: string): string {
  return objectName(platform, "backup", `files-${site}`);
}

/** Removes what was made to give files out, which is always on the node that was asked; what is not there is fine. */
export async function clearFiles(docker: Dockerode, platform: string, site: string): Promise<void> {
  await removeContainer(docker, filesContainer(platform, site));
  for (const part of ["site", "content"] as const) await removeVolume(docker, filesName(platform, site, part));
}

/** The same for what holds a static site's pages: the container of the moment that {@link fillHere} makes, and the volume. */
export async function clearContent(docker: Dockerode, platform: string, site: string): Promise<void> {
  const name = contentName(platform, site);
  await removeContainer(docker, name);
  await removeVolume(docker, name);
}

/**
 * A static site's pages are a layer of its image. Docker copies them into an empty volume that is mounted over them, the moment a
 * container is made; on this node it need not even run.
 *
 * @returns the volume; `undefined` where the site has no pages or no image
 */
export async function contentVolume(session: Session): Promise<string | undefined> {
  const { context, entry, live } = session;
  if (!entry.content || live.image === undefined) return undefined;
  const name = contentName(context.platform, entry.site);
  // One that was not waited for to its end, or whose run was killed, holds the volume still.
  await removeContainer(context.docker, name);
  await removeVolumes(session, [name]);
  if (!(await isHere(session)) || !(await fillHere(session, name, live.image))) await fillThere(session, name);
  return name;
}

/** False where the image is not on this node. */
async function fillHere({ context: { docker, platform } }: Session, name: string, reference: string): Promise<boolean> {
  const Labels = { [LABEL.platform]: platform };
  const mount = { Type: "volume", Source: name, Target: PAGES, VolumeOptions: { Labels } };
  const body = { Image: reference.split("@")[0], Labels, HostConfig: { Mounts: [mount], NetworkMode: "none" } };
  try {
    // Docker copies during this call, and goes on where nobody waits for it any longer: by its name the container is found again.
    await call(docker, "POST", "/containers/create", { name }, body);
    await removeContainer(docker, name);
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

async function fillThere(session: Session, name: string): Promise<void> {
  const { context, entry, live, list } = session;
  const labels = { [LABEL.platform]: list.platform };
  const spec: JobSpec = {
    ...repositoryJob("content", session, { image: live.image ?? "" }),
    command: ["true"],
    args: [],
    env: {},
    secrets: [],
    mounts: [{ kind: "volume", source: name, target: PAGES, labels, filled: true }],
  };
  const { code, fault, words } = await runJob(context.docker, spec, { signal: context.signal, progress: () => {} });
  if (code === 0) return;
  throw new Error(`the pages of ${entry.site} could not be read out of its image: ${fault ?? words.at(-1) ?? code}`);
}

/**
 * Removes volumes that were made for a moment, on the node on which the work on the site is done; one that is not there is fine.
 *
 * @returns false where another node did not do it, which is told
 */
export async function removeVolumes(session: RepositorySession, names: string[]): Promise<boolean> {
  const { context } = session;
  if (await isHere(session)) {
    for (const name of names) await removeVolume(context.docker, name);
    return true;
  }
  // Swarm removes no volume: the engine of that node does, which is asked there.
  const spec: JobSpec = {
    ...repositoryJob("volumes", session, { env: { VOLUMES: names.join(" ") } }),
    secrets: [],
    mounts: [
      { kind: "tmpfs", target: "/tmp", size: 2 ** 20 },
      { kind: "bind", source: SOCKET, target: SOCKET },
    ],
  };
  const { result, words } = await runJob(context.docker, spec, { signal: context.signal, progress: () => {} });
  if (result?.ok === true) return true;
  context.report(
    `${session.entry.site}: volumes were left on its node: ${String(result?.words ?? words.at(-1) ?? "")}`,
  );
  return false;
}

/** Removes a container of this node, running or not; one that is not there is fine. */
async function removeContainer(docker: Dockerode, name: string): Promise<void> {
  await call(docker, "DELETE", `/containers/${name}`, { force: true }).catch((error) => {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  });
}

/** Removes a volume of this node. */
export async function removeVolume(docker: Dockerode, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await call(docker, "DELETE", `/volumes/${name}`);
      return;
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return;
      if (attempt === 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
