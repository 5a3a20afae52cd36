import type { Site } from "../../modules/site/index.ts";
import { readSecrets } from "../../modules/workspace/index.ts";
import { describe } from "../describe.ts";
import { type PlatformImages, siteImage } from "../images.ts";
import type { SiteInputs } from "./site.ts";

/** All that a site's program needs: its description, its image by content, the values of its secrets. */
export async function siteInputs(
  { root, platform, date }: { root: string; platform: string; date: string },
  site: Site,
  shared: PlatformImages,
): Promise<SiteInputs> {
  const { service: draft } = describe(platform, site, date);
  const [image, secrets] = await Promise.all([
    siteImage(platform, site.name, draft.source, root, shared),
    draft.source.kind === "none" ? {} : readSecrets(root, site.name, draft.secrets),
  ]);
  return { platform, site: site.name, title: site.title, draft, image, secrets };
}
