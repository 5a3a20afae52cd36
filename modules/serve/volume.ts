import { canonicalJson, shortHash } from "../core/hash.ts";
import { objectName, siteStack } from "../names/index.ts";
import type { NfsPart, VolumePart } from "../site/service.ts";

/** How Docker knows a volume of a site. */
export interface VolumeObject {
  source: string;
  /** For Docker's driver `local`, where the volume is not a folder of the node. */
  options: Record<string, string> | undefined;
}

/**
 * A volume on NFS has a hash of where it is in its name: a node that knows a volume by a name would go on mounting what that name meant
 * before.
 */
export function volumeObject(
  platform: string,
  site: string,
  { name, nfs }: Pick<VolumePart, "name" | "nfs">,
): VolumeObject {
  const stack = siteStack(site);
  if (nfs === undefined) return { source: objectName(platform, stack, name), options: undefined };
  const part = `${name}-${shortHash(canonicalJson(nfs))}`;
  return { source: objectName(platform, stack, part), options: mountOptions(nfs) };
}

/** As `mount -t nfs` takes them; Docker looks the server's name up itself and wants it as `addr`. */
function mountOptions({ server, path, options }: NfsPart): Record<string, string> {
  return { type: "nfs", device: `:${path}`, o: [`addr=${server}`, ...options].join(",") };
}
