import { secretHash } from "../../modules/core/hash.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { contentName, siteStack } from "../../modules/names/index.ts";

/** What the Swarm secret is called that holds this value: secrets can't be changed in Swarm, so a new value is a new secret. */
export function siteSecretName(platform: string, site: string, name: string, value: Secret): string {
  const hash = secretHash(`${platform}/${site}/${name}`, value.reveal());
  return contentName(platform, siteStack(site), name, hash);
}
