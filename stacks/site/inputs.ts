import type { Login } from "../../modules/database/login.ts";
import type { SecretSources } from "../../modules/secrets/index.ts";
import type { Site } from "../../modules/site/index.ts";
import { readSecrets } from "../../modules/workspace/index.ts";
import { describe } from "../describe.ts";
import { type PlatformImages, siteImage } from "../images.ts";
import type { SiteInputs } from "./site.ts";

/** What a site is planned with beside its own file. */
interface SiteContext {
  /** The workspace's folder. */
  root: string;
  platform: string;
  date: string;
  spread?: string[];
  /** Whether databases' networks are encrypted between nodes. */
  encrypted: boolean;
  /** Where values of secrets come from. */
  secrets: SecretSources;
  /** The node on whose disk the site's data is. */
  home?: string;
}

/**
 * All that a site's program needs: its description, its image by content, the values of its secrets.
 *
 * @param login what the site logs in to its database with, as the cluster tells
 */
export async function siteInputs(
  { root, platform, date, spread = [], encrypted, secrets: sources, home }: SiteContext,
  site: Site,
  shared: PlatformImages,
  login?: Login,
): Promise<SiteInputs> {
  const { service: draft } = describe(platform, site, date);
  const [image, secrets] = await Promise.all([
    siteImage(platform, site.name, draft.source, root, shared),
    draft.source.kind === "none" ? {} : readSecrets(root, site.name, draft.secrets, sources),
  ]);
  const part = draft.source.kind === "none" ? undefined : draft.database;
  const database = part && { platform, site: site.name, part, image: shared[part.engine], encrypted, login, home };
  return { platform, site: site.name, title: site.title, draft, image, secrets, database, spread, home };
}
