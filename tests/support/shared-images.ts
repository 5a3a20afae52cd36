import type Dockerode from "dockerode";
import { uniquePlatform } from "./names.ts";

const SHARED = "127.0.0.1:5325/terrace/";

/**
 * The last platform of an engine takes the images along that all platforms share. The tests of one run make them once: they are put
 * back after `work`.
 */
export async function keepingSharedImages<T>(docker: Dockerode, work: () => Promise<T>): Promise<T> {
  const images = (await docker.listImages()).flatMap(({ Id, RepoTags }) =>
    (RepoTags ?? []).filter((tag) => tag.startsWith(SHARED)).map((tag) => ({ Id, tag })),
  );
  const repo = uniquePlatform();
  for (const [index, { Id }] of images.entries()) await docker.getImage(Id).tag({ repo, tag: String(index) });
  try {
    return await work();
  } finally {
    for (const [index, { Id, tag }] of images.entries()) {
      const at = tag.lastIndexOf(":");
      await docker.getImage(Id).tag({ repo: tag.slice(0, at), tag: tag.slice(at + 1) });
      await docker.getImage(`${repo}:${index}`).remove();
    }
  }
}
