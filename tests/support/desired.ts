import { readConfig } from "../../modules/config/index.ts";
import { formatProblem } from "../../modules/core/problem.ts";
import { Secret } from "../../modules/core/secret.ts";
import { type Desired, evaluate, type Live, toDesired } from "../../modules/engine/index.ts";
import { imageName } from "../../modules/names/index.ts";
import { describe } from "../../stacks/describe.ts";
import type { ImageRef } from "../../stacks/images.ts";
import { siteProgram } from "../../stacks/site/site.ts";

const PLATFORM = "platform: honghe\ndomain: honghe.localhost\n";
const PORTAL = "title: Honghe\nkind: portal\ndomains: [www]\nserve: { static: site-content/www }\n";

/**
 * The objects that a site's file comes to, without a daemon, a file or a clock. Images are named by the content `content`; the value
 * of a secret is its name in lower case.
 */
export async function desiredOfSite(name: string, yaml: string, date: string): Promise<Desired[]> {
  const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text) });
  const files = {
    platform: file("platform.yaml", PLATFORM),
    overlays: [],
    sites: [file(`site-configs/${name}.yaml`, yaml), file("site-configs/www.yaml", PORTAL)],
  };
  const kindOf = (path: string) => (/index\.html$|Dockerfile$/.test(path) ? ("file" as const) : ("folder" as const));
  const { sites, problems } = readConfig(files, { kindOf, date });
  const site = sites.find((each) => each.name === name);
  if (site === undefined) throw new Error(problems.map(formatProblem).join("\n"));
  const { service: draft } = describe("honghe", site, date);
  const secrets = Object.fromEntries(draft.secrets.map((each) => [each, new Secret(each.toLowerCase())]));
  const inputs = {
    platform: "honghe",
    site: name,
    title: site.title,
    draft,
    image: image(name, draft.source),
    secrets,
    database: draft.database && {
      platform: "honghe",
      site: name,
      part: draft.database,
      image: { reference: `${draft.database.engine}:content` },
      encrypted: true,
      login: undefined,
    },
    spread: [],
  };
  const stack = `site-${name}`;
  return toDesired(await evaluate(siteProgram(inputs), { project: "terrace", stack: `honghe-${stack}` }), {
    platform: "honghe",
    stack,
  });
}

function image(site: string, source: { kind: string; image?: string; folder?: string }): ImageRef | undefined {
  if (source.kind === "none") return undefined;
  if (source.image !== undefined) return { reference: source.image };
  return { reference: imageName("honghe", `site-${site}`, "content"), build: { context: source.folder ?? "" } };
}

/** The same objects as they would be read back from the cluster. */
export function liveOf(desired: Desired[]): Live[] {
  return desired.map(({ kind, platform, stack, urn, name, spec, hash }) => ({
    ...{ kind, platform, stack, urn, name, spec, hash },
    id: `id of ${name}`,
    version: 1,
  }));
}
