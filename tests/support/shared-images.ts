import type Dockerode from "dockerode";
import { LABEL } from "../../modules/core/labels.ts";
import { buildImage } from "../../modules/docker/index.ts";
import { bootstrapBase } from "../../modules/host/index.ts";
import type { OwnImage } from "../../modules/images/index.ts";
import { platformImages } from "../../stacks/images.ts";
import { removePlatform } from "./cleanup.ts";
import { isAlive, maker, testPlatformOf, uniquePlatform } from "./names.ts";

const HOLDER = "-holder";

/**
 * Makes those of the images that all platforms share which an engine has not got yet: minutes on a new machine. Made by the tests
 * themselves, two files would make the same one beside each other.
 *
 * @returns the references, the base first
 */
export async function makeSharedImages(
  docker: Dockerode,
  names: readonly OwnImage[],
  report: (line: string) => void,
): Promise<string[]> {
  const images = await platformImages({});
  const there = new Set((await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []));
  if (!there.has(images.base)) await bootstrapBase(docker, images.base, report);
  const wanted = names.map((name) => images[name]);
  for (const { reference, build } of wanted) {
    if (there.has(reference) || build === undefined) continue;
    report(`Making ${reference}`);
    await buildImage(docker, reference, build);
  }
  return [images.base, ...wanted.map(({ reference }) => reference)];
}

/**
 * The last platform of an engine takes the images along that all platforms share. Tests make them once: as long as this platform of a
 * single service that does nothing is there, no other one is the last.
 */
export async function holdSharedImages(docker: Dockerode): Promise<() => Promise<void>> {
  const platform = uniquePlatform();
  await docker.createService({
    Name: `${platform}${HOLDER}`,
    Labels: { [LABEL.platform]: platform },
    TaskTemplate: { ContainerSpec: { Image: "none" } },
    Mode: { Replicated: { Replicas: 0 } },
  });
  return () => removePlatform(docker, platform);
}

/**
 * Keeps the layers of a site's image that takes minutes to make until the run of all tests ends: whoever makes the same image later finds
 * them, also once its platform was destroyed.
 *
 * @param site the site's image is named after it
 */
export async function holdSiteImage(docker: Dockerode, platform: string, site: string): Promise<void> {
  const names = (await docker.listServices()).map(({ Spec }) => Spec?.Name ?? "");
  const holder = names.filter((name) => name.endsWith(HOLDER)).flatMap((name) => testPlatformOf(name) ?? []);
  const living = holder.find((each) => isAlive(maker(each) ?? -1));
  const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  const tag = tags.find((each) => each.includes(`/${platform}/site-${site}:`));
  if (living === undefined || tag === undefined) throw new Error(`no image of ${site}, or nobody to hold it`);
  await docker.getImage(tag).tag({ repo: `${tag.split("/")[0]}/${living}/held`, tag: site });
}
