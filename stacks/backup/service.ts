import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  BACKUP_STACK,
  type BackupEntry,
  type BackupList,
  backupRules,
  mergeEntries,
} from "../../modules/backup/index.ts";
import { siteFile } from "../../modules/config/index.ts";
import { shortHash } from "../../modules/core/hash.ts";
import { installRoot } from "../../modules/core/root.ts";
import { sharedImageName } from "../../modules/names/index.ts";
import { type Site, siteState } from "../../modules/site/index.ts";
import type { NfsPart, VolumePart } from "../../modules/site/service.ts";
import { agentContext, readBundle, readSecrets } from "../../modules/workspace/index.ts";
import { describe } from "../describe.ts";
import type { ImageRef } from "../images.ts";
import type { PlatformService, ServiceContext, StackSource } from "../services.ts";
import { CREDENTIALS_KEY, stateOf } from "./cluster.ts";

/** Backups of all sites. There is nothing of it where platform.yaml names no repository. */
export const backupService: PlatformService = { stack: BACKUP_STACK, source };

async function source(context: ServiceContext): Promise<StackSource | undefined> {
  const { platform, images } = context;
  const list = wantedList(context);
  if (list === undefined) return undefined;
  const { credentials: names } = platform.backup;
  const credentials = await readSecrets(context.root, BACKUP_STACK, names, platform.secrets, CREDENTIALS_KEY);
  const inputs = { list, images: { backup: images.backup, agent: agentImage(context) }, credentials };
  const remembered = Object.keys(credentials).length === 0 ? inputs : undefined;
  const program = async () => (await import("./backup.ts")).backupProgram(inputs);
  return { stack: BACKUP_STACK, inputs: remembered, program };
}

/** The agent is Terrace itself: its image is made of the bundle and of the Node that run this. */
function agentImage({ platform, images, live }: ServiceContext): ImageRef {
  const pinned = platform.images.agent;
  if (pinned !== undefined) return { reference: pinned };
  const root = installRoot();
  const bundle = readBundle(root);
  const recipe = readFileSync(join(root, "modules/images/agent/Dockerfile"));
  const reference = sharedImageName("agent", shortHash(`${images.base}\n${bundle.digest}\n${recipe}`));
  const there = live.images.some((image) => image.reference === reference);
  // Laid out only where it is to be built: Node alone is 100 MB.
  const context = there ? root : agentContext(root, bundle);
  return { reference, build: { context, args: { BASE: images.base } } };
}

function wantedList(context: ServiceContext): BackupList | undefined {
  const { platform, sites, images, live, only, root } = context;
  const { repository, copy, timezone, spread, check, parallel, memory } = platform.backup;
  if (repository === undefined) return undefined;
  const before = stateOf(platform.name, live.configs).list?.sites ?? [];
  const known = sites.map(({ name }) => name);
  const broken = before
    .map(({ site }) => site)
    .filter((site) => !known.includes(site) && existsSync(join(root, siteFile(site))));
  return {
    format: 1,
    platform: platform.name,
    repository,
    copy,
    timezone,
    spread,
    check,
    parallel,
    memory,
    image: images.backup.reference,
    sites: mergeEntries(
      sites.flatMap((site) => entryOf(context, site)),
      before,
      { known, only, broken },
    ),
  };
}

function remote(volumes: VolumePart[]): Record<string, NfsPart> | undefined {
  const entries = volumes.flatMap(({ name, nfs }) => (nfs === undefined ? [] : [[name, nfs] as const]));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** A retired site's service is gone and its data changes no more: the backups that it has are kept as they are. */
function entryOf({ root, platform, date }: ServiceContext, site: Site): BackupEntry[] {
  const rules = backupRules(platform.backup, site.backup);
  if (rules === undefined || siteState(site, date) !== "live") return [];
  const { name, serve } = site;
  return [
    {
      site: name,
      ...rules,
      content: serve.kind === "static",
      volumes: serve.kind === "image" ? serve.volumes.map((volume) => volume.name) : [],
      nfs: serve.kind === "image" ? remote(serve.volumes) : undefined,
      database: serve.kind === "image" ? serve.database?.engine : undefined,
      port: describe(platform.name, site, date).service.port,
      host: site.domains.canonical.ascii,
      file: readFileSync(join(root, siteFile(name)), "utf8"),
    },
  ];
}
