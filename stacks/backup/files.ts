import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { restoreJob, type StoredBackup, type Verdict } from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { call, type JobMount } from "../../modules/docker/index.ts";
import { readingPlace } from "./places.ts";
import { choose, restoreFault } from "./restore.ts";
import { type BackupContext, job, type Session, withSite } from "./run.ts";
import { clearFiles, filesContainer, filesName, isHere } from "./volumes.ts";

export interface FilesRequest {
  site: string;
  at: string | undefined;
  /** A folder of this machine, new or empty. */
  folder: string;
  /** It is read at the second place. */
  fromCopy: boolean;
}

/** The site's file with a note of what the backup is, and its pages where it has any; as folders of a backup, under `/data`. */
const PARTS = ["site", "content"] as const;
type Part = (typeof PARTS)[number];

/**
 * Writes what a backup holds of a site's files in the checkout into a folder: `site.yaml`, `backup.json`, and the pages in `content`.
 * Nothing that the site uses is touched: a volume of the moment takes them, from which Docker gives them out.
 *
 * @throws TerraceError `TERRACE_NO_BACKUP`, `TERRACE_RESTORE_FAILED`
 */
export function restoreFiles(context: BackupContext, request: FilesRequest): Promise<StoredBackup> {
  const { site, folder } = request;
  return withSite(context, site, async (session) => {
    const place = readingPlace(session, request.fromCopy);
    const from = await choose(place, request);
    await requireHere(session);
    await makeFolder(folder);
    try {
      const parts = await fetchAll(place, from);
      await giveOut(session, parts, folder);
    } finally {
      await clearFiles(context.docker, context.platform, site);
    }
    return from;
  });
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new TerraceError("TERRACE_USAGE", `the folder ${JSON.stringify(folder)} cannot be made`, {
      why: error.message,
      exitCode: 2,
    });
  });
}

/** Docker gives out what is on its own node. */
async function requireHere(session: Session): Promise<void> {
  if (await isHere(session)) return;
  const { entry, constraints } = session;
  throw new TerraceError(
    "TERRACE_RESTORE_FAILED",
    `the backups of ${entry.site} are read on another server of the pool`,
    {
      where: constraints.join(", "),
      next: "restic writes its files by hand: docs/guides/backup.md, By hand",
    },
  );
}

/** Whether it has pages is the backup's to say: the site may have been of another kind then. */
async function fetchAll(session: Session, from: StoredBackup): Promise<Part[]> {
  const fetched: Part[] = [];
  for (const part of PARTS) {
    const fault = await fetch(session, from, part);
    if (fault === undefined) fetched.push(part);
    // That is what a fetch says of what the backup does not hold.
    else if (part === "site" || fault.reason !== "different") throw restoreFault(session.entry.site, fault, undefined);
  }
  return fetched;
}

async function fetch(session: Session, from: StoredBackup, part: Part): Promise<Verdict | undefined> {
  const { list, entry } = session;
  const labels = { [LABEL.platform]: list.platform };
  const source = filesName(list.platform, entry.site, part);
  const mounts: JobMount[] = [{ kind: "volume", source, target: `/data/volumes/@${part}`, labels }];
  const spec = restoreJob(session, { step: "fetch", snapshot: from.files, volumes: [`@${part}`], mounts, path: "" });
  return (await job(session, spec, list.repository)).fault;
}

/** A container that is made but never started is enough for Docker to read its volumes. */
async function giveOut({ context, list, entry }: Session, parts: readonly Part[], folder: string): Promise<void> {
  const { docker, platform } = context;
  const mount = (part: Part) => ({
    Type: "volume",
    Source: filesName(platform, entry.site, part),
    Target: `/data/${part}`,
  });
  const HostConfig = { Mounts: parts.map(mount), NetworkMode: "none" };
  const name = filesContainer(platform, entry.site);
  const create = (Image: string | undefined) => {
    const body = { Image, Labels: { [LABEL.platform]: platform }, HostConfig };
    return call<{ Id: string }>(docker, "POST", "/containers/create", { name }, body);
  };
  // A node that pulled the image by its digest knows it by no tag, and the one that built it by no digest.
  const { Id } = await create(list.image.split("@")[0]).catch((error) => {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    return create(list.image);
  });
  for (const part of parts) {
    const path = `/data/${part}/.terrace-restore/data/${part}`;
    // The site's file and the note lie in the folder itself, the pages in one of their own.
    await unpack(await docker.getContainer(Id).getArchive({ path }), folder, part === "site" ? 1 : 0);
  }
}

/** @param strip so many folders of each path are left out */
async function unpack(archive: NodeJS.ReadableStream, folder: string, strip: number): Promise<void> {
  const args = ["-x", "-C", folder, `--strip-components=${strip}`, "--no-same-owner", "--no-same-permissions"];
  const tar = spawn("tar", args, { stdio: ["pipe", "ignore", "pipe"] });
  let words = "";
  tar.stderr.setEncoding("utf8").on("data", (piece: string) => {
    words += piece;
  });
  const ended = new Promise<number | null>((resolve, reject) => tar.on("error", reject).on("close", resolve));
  const broken = await pipeline(archive, tar.stdin).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if ((await ended) === 0 && broken === undefined) return;
  throw new TerraceError("TERRACE_RESTORE_FAILED", `the files could not be written into ${folder}`, {
    // Where tar goes before the end, its own words tell why.
    why: words.trim().split("\n")[0] || (broken ?? "tar was killed"),
    next: "empty the folder, then run this again",
  });
}
