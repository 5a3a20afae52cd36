import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { faultCheck } from "../units/index.ts";
import { type Host, hostFault, toHost } from "./host.ts";

export { type Host, hostFault, isBare, toHost } from "./host.ts";

export interface Domains {
  /** Where the site's pages are. */
  canonical: Host;
  /** Redirect to the canonical one, path kept. */
  aliases: Host[];
}

export const domains: Concern<"domains", string[], Domains> = {
  key: "domains",
  required: true,
  schema: z
    .array(
      faultCheck(hostFault).meta({
        description: "A bare label (`finance`) stands under the platform's domain; a name with dots stands for itself.",
        examples: ["finance"],
      }),
    )
    .min(1, { error: "must name at least one domain" })
    .max(100, { error: "must name at most 100 domains" })
    .meta({
      description:
        "The site's host names. The first is canonical: the others redirect to it, path kept. Names in Chinese are written as they are read.",
      examples: [["finance", "czj.example.gov.cn", "财政局.政务"]],
    }),
  resolve(typed, context) {
    const [canonical, ...aliases] = (typed ?? []).map((name) => toHost(name, context.domain));
    if (canonical === undefined) throw new Error("domains: not validated before use");
    return { canonical, aliases };
  },
  routes(resolved, draft) {
    draft.host = resolved.canonical.ascii;
    draft.aliases = resolved.aliases.map((host) => host.ascii);
  },
};

/** Every host of a site, the canonical one first: in the order of the file. */
export function allHosts(resolved: Domains): Host[] {
  return [resolved.canonical, ...resolved.aliases];
}
