import type Dockerode from "dockerode";
import { call, get } from "./call.ts";

/** How many earlier versions of a site's image are kept, for a quick way back. */
const KEPT = 2;

/** Removes images of sites that are older than the last few. An image that a container still uses stays. */
export async function removeOldImages(
  docker: Dockerode,
  sites: { repository: string; current: string }[],
): Promise<void> {
  if (sites.length === 0) return;
  const images = await get<{ Created: number; RepoTags: string[] | null }[]>(docker, "/images/json");
  for (const { repository, current } of sites) {
    const older = images
      .filter(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith(`${repository}:`) && tag !== current))
      .toSorted((a, b) => b.Created - a.Created)
      .slice(KEPT);
    for (const { RepoTags } of older) {
      const tag = RepoTags?.find((each) => each.startsWith(`${repository}:`) && each !== current);
      // In use or gone already: neither is worth failing a deploy that is done.
      if (tag !== undefined) await call(docker, "DELETE", `/images/${tag}`).catch(() => undefined);
    }
  }
}
