import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMap, isSeq, parseDocument } from "yaml";
import { siteFile } from "../config/index.ts";

/** What a copy must not share with its site: there is one portal, codes and other domains are the site's own, and it is not retired. */
const OWN = ["code", "retire"];

/**
 * Writes the file of a copy of a site: the same, under a name and a domain of its own, not backed up, and with volumes on the disk of a
 * node where the site's own are on NFS: there they would be the same files. One that is there already is left as it is; returns whether
 * one was written.
 */
export async function copySiteFile(root: string, site: string, name: string): Promise<boolean> {
  const path = join(root, siteFile(name));
  if (existsSync(path)) return false;
  const document = parseDocument(await readFile(join(root, siteFile(site)), "utf8"));
  if (!isMap(document.contents)) throw new Error(`${siteFile(site)} is no map`);
  for (const key of OWN) document.delete(key);
  document.set("title", `${String(document.get("title"))} (${name})`);
  document.set("domains", document.createNode([name], { flow: true }));
  if (document.get("kind") === "portal") document.set("kind", "service");
  document.set("backup", "none");
  const volumes = document.getIn(["serve", "image", "volumes"]);
  const remote = (isSeq(volumes) ? volumes.items : []).filter((volume) => isMap(volume) && volume.delete("nfs"));
  // Only files on NFS can be shared by several containers.
  if (remote.length > 0 && document.hasIn(["scale", "replicas"])) document.setIn(["scale", "replicas"], 1);
  await writeFile(path, document.toString({ lineWidth: 0 }), { flag: "wx" });
  return true;
}
