import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TerraceError } from "../core/errors.ts";

/** Terrace itself, as a container runs it: the bundle's files that are needed, and the Node that runs it here. */
export interface Bundle {
  /** Changes with the bundle and with Node. */
  digest: string;
  /** Names within `dist/`. */
  files: string[];
}

/**
 * What the bundle in `dist/` consists of. A chunk's name holds its content's hash, so the names alone tell one bundle from another.
 *
 * @param root the installation's folder
 * @throws TerraceError `TERRACE_NO_BUNDLE`
 */
export function readBundle(root: string): Bundle {
  const dist = join(root, "dist");
  if (process.platform !== "linux" || !existsSync(join(dist, "terrace.js"))) {
    throw new TerraceError("TERRACE_NO_BUNDLE", "the agent that runs backups cannot be made here", {
      where: dist,
      why:
        process.platform === "linux"
          ? "Terrace's bundle is not there"
          : "its container takes the Node that runs this, which must be for Linux",
      next: "run `terrace up` on a Linux machine, or pin `images.agent`",
    });
  }
  const files = reachable(dist, "terrace.js");
  const hash = createHash("sha256")
    .update(process.version)
    .update(readFileSync(join(dist, "terrace.js")));
  return { digest: hash.update(files.join("\n")).digest("hex"), files };
}

/** Chunks that are loaded from an entry, one after another; what an earlier bundle left beside them is not among them. */
function reachable(dist: string, entry: string): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    const text = readFileSync(join(dist, name), "utf8");
    for (const [, next = ""] of text.matchAll(/["']\.\/([A-Za-z0-9._-]+\.js)["']/g)) {
      if (existsSync(join(dist, next))) visit(next);
    }
  };
  visit(entry);
  return [...found].sort();
}

/** Lays a folder out from which the agent's image can be built; returns its path. It goes with the next bundle but one. */
export function agentContext(root: string, { digest, files }: Bundle): string {
  const folder = join(root, "dist", `agent-${digest.slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(join(temporary, "dist"), { recursive: true });
  for (const name of files) copyFileSync(join(root, "dist", name), join(temporary, "dist", name));
  copyFileSync(process.execPath, join(temporary, "node"));
  writeFileSync(join(temporary, "package.json"), '{ "type": "module" }\n');
  copyFileSync(join(root, "modules/images/agent/Dockerfile"), join(temporary, "Dockerfile"));
  try {
    renameSync(temporary, folder);
  } catch {
    // Another run was first.
    rmSync(temporary, { recursive: true, force: true });
  }
  return dirname(join(folder, "Dockerfile"));
}
