import { siteBackup } from "../backup/index.ts";
import { domains } from "../domains/index.ts";
import { headers } from "../headers/index.ts";
import { code, kind, owners, sponsor, title } from "../identity/index.ts";
import { redirects } from "../redirects/index.ts";
import { retire } from "../retire/index.ts";
import { scale } from "../scale/index.ts";
import { serve } from "../serve/index.ts";

/** Every key of a site's file, in the order of the reference. */
export const siteConcerns = [
  title,
  kind,
  sponsor,
  code,
  owners,
  domains,
  serve,
  scale,
  redirects,
  headers,
  siteBackup,
  retire,
] as const;
