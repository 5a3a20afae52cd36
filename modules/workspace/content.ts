import { createHash } from "node:crypto";
import { createReadStream, type Dirent, existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { TerraceError } from "../core/errors.ts";

export interface ContentFile {
  /** Relative to the folder, with `/`. */
  path: string;
  /** The absolute path to read from; for a link, of what it points at. */
  source: string;
  /** For its owner: all that Git keeps of a mode, and so the same in every checkout. */
  executable: boolean;
  /** Bytes. */
  size: number;
}

export interface ContentOptions {
  /** Also take names that begin with a dot, as a build context needs; `.git` and `.DS_Store` are left out all the same. */
  hidden?: boolean;
}

const NEVER = new Set([".git", ".svn", ".hg", ".DS_Store", "Thumbs.db", "desktop.ini"]);
/** Larger files are hashed piece by piece. */
const LARGE = 8 * 2 ** 20;

/**
 * Every file of a folder, sorted by path. Names that begin with a dot are left out, but for `.well-known`: pages have no
 * others, and what lies there by accident (`.env`, `.htpasswd`) must not be published. A link is followed within the folder.
 * Throws a {@link TerraceError} for a link that leaves the folder, points at a folder or at nothing, and for what is no file.
 */
export async function listContent(folder: string, options: ContentOptions = {}): Promise<ContentFile[]> {
  const files: ContentFile[] = [];
  try {
    walk(folder, "", options, files);
  } catch (error) {
    if (existsSync(folder)) throw error;
    throw new TerraceError("TERRACE_NO_CONTENT", "a content folder is not there", { where: folder });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * One digest (SHA-256, hex) over the path, executable bit and bytes of every file that {@link listContent} gives: the same wherever the
 * folder stands, and another one after any change that a visitor could see.
 */
export async function contentDigest(folder: string, options: ContentOptions = {}): Promise<string> {
  const digest = new ContentDigest();
  for (const file of await listContent(folder, options)) {
    const small = file.size <= LARGE;
    await digest.add(file, small ? [readFileSync(file.source)] : createReadStream(file.source));
  }
  return digest.hex();
}

/** The digest of {@link contentDigest}, for whoever reads the files for something else too. */
export class ContentDigest {
  readonly #hash = createHash("sha256");

  /** Takes the next file, in the order of {@link listContent}. */
  async add(file: ContentFile, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
    // The length of each part stands before it: no two folders can run together to the same bytes.
    this.#hash.update(`${Buffer.byteLength(file.path)} ${file.path} ${file.executable ? "x" : "-"} ${file.size}\n`);
    let read = 0;
    for await (const piece of pieces) {
      this.#hash.update(piece);
      read += piece.length;
    }
    if (read !== file.size) throw changed(file.source);
  }

  hex(): string {
    return this.#hash.digest("hex");
  }
}

/** What is published must be what its image's name says. */
export function changed(where: string): TerraceError {
  return refusal(where, "a file changed while it was read", "run again");
}

function walk(root: string, below: string, options: ContentOptions, files: ContentFile[]): void {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    if (leftOut(entry.name, options)) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.name.includes("\ufffd")) throw refusal(join(root, path), "a file's name is not UTF-8", "rename it");
    if (entry.isDirectory()) walk(root, path, options, files);
    else files.push(fileAt(root, path, entry));
  }
}

function leftOut(name: string, options: ContentOptions): boolean {
  if (NEVER.has(name)) return true;
  return name.startsWith(".") && name !== ".well-known" && options.hidden !== true;
}

function fileAt(root: string, path: string, entry: Dirent): ContentFile {
  const source = entry.isSymbolicLink() ? linked(root, path) : join(root, path);
  const { file, mode, size } = statOf(source);
  if (!file) throw refusal(join(root, path), "only files and folders can be content", "remove it");
  return { path, source, executable: (mode & 0o100) !== 0, size };
}

function statOf(path: string): { file: boolean; mode: number; size: number } {
  const stats = statSync(path);
  return { file: stats.isFile(), mode: stats.mode, size: stats.size };
}

function linked(root: string, path: string): string {
  const link = join(root, path);
  let target: string;
  try {
    target = realpathSync(link);
  } catch {
    throw refusal(link, "a link points at nothing", "remove it or mend it");
  }
  if (!target.startsWith(realpathSync(root) + sep)) {
    throw refusal(link, "a link leads out of the content folder", "put a copy of the file in its place");
  }
  if (statSync(target).isDirectory()) {
    throw refusal(link, "a link points at a folder", "put the folder itself in its place");
  }
  return target;
}

function refusal(where: string, what: string, next: string): TerraceError {
  return new TerraceError("TERRACE_BAD_CONTENT", what, { where, next });
}
