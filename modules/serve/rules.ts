import type { Path, Rule, RuleFinding } from "../config/types.ts";
import type { Site } from "../site/index.ts";

/** What `serve` names in the workspace is there. */
export const contentFolder: Rule = {
  name: "content-folder",
  *check({ sites, facts }) {
    for (const site of sites) {
      const needed = neededFile(site);
      if (needed === undefined) continue;
      const { folder, file, path, why } = needed;
      const kind = facts.kindOf(folder);
      if (kind === undefined) yield fault(site, path, `folder ${folder} does not exist: create it with ${why}`);
      else if (kind === "file") yield fault(site, path, `${folder} is a file: it must be a folder with ${why}`);
      else if (facts.kindOf(`${folder}/${file}`) !== "file") {
        yield fault(site, path, `folder ${folder} has no ${file} in it`);
      }
    }
  },
};

function neededFile(site: Site): { folder: string; file: string; path: Path; why: string } | undefined {
  const { serve } = site;
  if (serve.kind === "static") {
    return { folder: serve.folder, file: "index.html", path: ["serve", "static"], why: "an index.html in it" };
  }
  if (serve.kind === "proxy" || serve.source.kind === "image") return undefined;
  return {
    folder: serve.source.folder,
    file: "Dockerfile",
    path: ["serve", "image", "build"],
    why: "a Dockerfile in it",
  };
}

/** Within a site, names of secrets and volumes, and mount paths, are unique. */
export const duplicateName: Rule = {
  name: "duplicate-name",
  *check({ sites }) {
    for (const site of sites) {
      if (site.serve.kind !== "image") continue;
      const { secrets, volumes } = site.serve;
      const lists: [string[], (index: number) => Path][] = [
        [secrets, (index) => ["secrets", index]],
        [volumes.map(({ name }) => name), (index) => ["volumes", index, "name"]],
        [volumes.map(({ path }) => path), (index) => ["volumes", index, "path"]],
      ];
      for (const [names, pathOf] of lists) {
        for (const [index, name] of names.entries()) {
          if (names.indexOf(name) === index) continue;
          yield fault(site, ["serve", "image", ...pathOf(index)], `${name} is in the list already`);
        }
      }
    }
  },
};

/** A local volume is one folder of one node: further containers would each see another one, or write over each other. */
export const volumeReplicas: Rule = {
  name: "volume-replicas",
  *check({ sites }) {
    for (const site of sites) {
      if (site.serve.kind !== "image" || site.scale.replicas === 1) continue;
      const local = site.serve.volumes.filter(({ nfs }) => nfs === undefined);
      if (local.length === 0) continue;
      const names = local.map(({ name }) => name).join(", ");
      const message = `must be 1 for a site with a volume (${names}): containers cannot share it safely, got ${site.scale.replicas}`;
      yield fault(site, ["scale", "replicas"], message);
    }
  },
};

function fault(site: Site, path: Path, message: string): RuleFinding {
  return { site: site.name, severity: "error", path, at: "value", message };
}
