import type { Concern } from "../core/concern.ts";
import { hostFault, toHost } from "../domains/index.ts";
import { faultCheck, nameSchema } from "../units/index.ts";

export const platformName: Concern<"platform", string, string> = {
  key: "platform",
  required: true,
  schema: nameSchema(20).meta({
    description: "The platform's name. Names of all its Docker objects begin with it; it is never changed later.",
    examples: ["honghe"],
  }),
  resolve: (typed) => typed ?? "",
};

export const platformDomain: Concern<"domain", string, string> = {
  key: "domain",
  required: true,
  schema: faultCheck(domainFault).meta({
    description: "A bare label in a site's domains stands under this one.",
    examples: ["honghe.localhost", "honghe.gov.cn"],
  }),
  resolve: (typed) => toHost(typed ?? "", "").ascii,
};

function domainFault(text: string): string | undefined {
  const fault = hostFault(text);
  if (fault !== undefined) return fault;
  return toHost(text, "").ascii.length > 189
    ? "can have 189 characters at most: 64 are for a site's own label"
    : undefined;
}
