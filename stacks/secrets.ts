import type Dockerode from "dockerode";
import { BACKUP_STACK } from "../modules/backup/index.ts";
import { LABEL } from "../modules/core/labels.ts";
import { currentLogin } from "../modules/database/login.ts";
import { get, type RawContent } from "../modules/docker/index.ts";
import { objectName, siteStack } from "../modules/names/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import type { Site } from "../modules/site/index.ts";
import { secretOrigins } from "../modules/workspace/index.ts";
import { CREDENTIAL } from "./backup/cluster.ts";

/** One secret of a site, or of the places of backups; everything but its value. */
export interface SecretListed {
  /** `backup` for what the places of backups ask for. */
  site: string;
  name: string;
  /** `undefined` where there is no value here; `cluster` for the password of a database. */
  source: "environment" | "file" | "age" | "command" | "cluster" | undefined;
  /** The day on which the value was set here, `YYYY-MM-DD`, where that is known. */
  set: string | undefined;
  /** When the newest value came into the cluster, ISO 8601; `undefined` where there is none. */
  live: string | undefined;
  /** Whether the site's file, or `platform.yaml`, names it. */
  wanted: boolean;
}

export interface SecretsRequest {
  root: string;
  platform: Platform;
  sites: readonly Site[];
  /** Also what the places of backups ask for. */
  credentials: boolean;
}

/** All secrets of these sites, by site and name, and then the credentials. */
export async function listSecrets(docker: Dockerode, request: SecretsRequest): Promise<SecretListed[]> {
  const { root, platform, sites } = request;
  const filters = { label: [`${LABEL.platform}=${platform.name}`] };
  const live = (await get<RawContent[] | null>(docker, "/secrets", { filters })) ?? [];
  const found: SecretListed[] = [];
  for (const { name: site, serve } of sites) {
    const secrets = serve.kind === "image" ? serve.secrets : [];
    const database = serve.kind === "image" ? serve.database : undefined;
    const origins = await secretOrigins(root, site, secrets, platform.secrets);
    for (const [name, origin] of origins) {
      const wanted = secrets.includes(name);
      const since = wanted ? newest(live, objectName(platform.name, siteStack(site), name)) : undefined;
      found.push({ site, name, ...origin, live: since, wanted });
    }
    if (database === undefined) continue;
    const since = loginSince(live, site);
    found.push({ site, name: database.secret, source: "cluster", set: since?.slice(0, 10), live: since, wanted: true });
  }
  return request.credentials ? [...found, ...(await listCredentials(root, platform, live))] : found;
}

async function listCredentials(root: string, platform: Platform, live: RawContent[]): Promise<SecretListed[]> {
  const { credentials } = platform.backup;
  const origins = await secretOrigins(root, BACKUP_STACK, credentials, platform.secrets);
  return [...origins].map(([name, origin]) => {
    const since = lastMade(live.filter(({ Spec }) => Spec.Labels?.[CREDENTIAL] === name));
    return { site: BACKUP_STACK, name, ...origin, live: since, wanted: credentials.includes(name) };
  });
}

/** Names carry the value's hash after the last hyphen. */
function newest(live: RawContent[], name: string): string | undefined {
  const same = live.filter(
    ({ Spec }) => Spec.Name.startsWith(`${name}-`) && /^[0-9a-f]{12}$/.test(Spec.Name.slice(name.length + 1)),
  );
  return lastMade(same);
}

function lastMade(secrets: RawContent[]): string | undefined {
  return secrets
    .map(({ CreatedAt }) => CreatedAt)
    .sort()
    .at(-1);
}

function loginSince(live: RawContent[], site: string): string | undefined {
  const own = live.filter(({ Spec }) => Spec.Labels?.[LABEL.site] === site);
  const login = currentLogin(own.map(({ Spec }) => ({ name: Spec.Name, labels: Spec.Labels ?? {} })));
  return own.find(({ Spec }) => Spec.Name === login?.secret)?.CreatedAt;
}
