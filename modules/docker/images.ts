import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type Dockerode from "dockerode";
import tar from "tar-stream";
import { TerraceError } from "../core/errors.ts";
import { ContentDigest, changed, listContent } from "../workspace/index.ts";
import { isBroken, silenceLimit } from "./call.ts";
import { diskFull } from "./disk.ts";

/** On every image that Terrace makes. Its value is the name: two names of equal layers would be one image else, with the older's age. */
const IMAGE_LABEL = "terrace.image";

/** Docker reads the build file from the context; this name keeps it apart from the content, and `.dockerignore` keeps it out of it. */
const BUILD_FILE = ".terrace.Dockerfile";

export interface Build {
  /** Folder whose files are the build context. */
  context: string;
  /** Path of the Dockerfile; `Dockerfile` in the context where absent. */
  dockerfile?: string;
  /** Build arguments; {@link CONTENT} among them is for Terrace itself. */
  args?: Record<string, string>;
}

/** The build argument with the digest of the context that the image's name was made from: other files are not built under that name. */
export const CONTENT = "CONTENT_DIGEST";

/**
 * Builds an image through the Engine API and tags it.
 *
 * @throws TerraceError `TERRACE_BUILD_FAILED` with the last lines of the build's output; `TERRACE_BAD_CONTENT` where the files changed
 */
export async function buildImage(docker: Dockerode, name: string, build: Build): Promise<void> {
  const output: string[] = [];
  const { [CONTENT]: _own, ...buildargs } = build.args ?? {};
  const context = await packContext(build);
  const failure = await streamed(docker, output, (abortSignal) =>
    docker.buildImage(context, {
      t: name,
      dockerfile: BUILD_FILE,
      buildargs,
      labels: { [IMAGE_LABEL]: name },
      forcerm: true,
      abortSignal,
    }),
  );
  if (failure === undefined) return;
  const full = diskFull(failure, name);
  if (full !== undefined) throw full;
  const lines = output.join("").trimEnd().split("\n").slice(-12).join("\n");
  throw new TerraceError("TERRACE_BUILD_FAILED", `the image ${name} could not be built: ${failure}`, {
    where: build.dockerfile ?? join(build.context, "Dockerfile"),
    why: lines,
    next: "mend the Dockerfile or the files it copies, then run this again; nothing was deployed for this site",
  });
}

/** Follows what Docker says of a work that takes its time; returns why it failed. Throws where the connection breaks. */
async function streamed(
  docker: Dockerode,
  output: string[],
  start: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>,
): Promise<string | undefined> {
  const { signal, alive, done } = silenceLimit();
  try {
    const stream = await start(signal);
    return await new Promise<string | undefined>((resolve, reject) => {
      let fault: string | undefined;
      stream.on("error", reject);
      docker.modem.followProgress(
        stream,
        (error) => (error ? resolve(fault ?? error.message) : resolve(fault)),
        (event: { stream?: string; error?: string }) => {
          alive();
          if (event.error !== undefined) fault = event.error.trim();
          if (event.stream !== undefined) output.push(event.stream);
        },
      );
    });
  } catch (error) {
    // Refused before it began, e.g. because no registry answers, or the files do not fit on the disk.
    if (isBroken(error)) throw error;
    return error instanceof Error ? error.message : String(error);
  } finally {
    done();
  }
}

/** A context with its own Dockerfile is sent whole; a folder of pages without its hidden files, which must not be published. */
async function packContext(build: Build): Promise<NodeJS.ReadableStream> {
  const { context, dockerfile } = build;
  const pack = tar.pack();
  const recipe = await readFile(dockerfile ?? join(context, "Dockerfile"));
  pack.entry({ name: BUILD_FILE }, recipe);
  pack.entry({ name: ".dockerignore" }, `${BUILD_FILE}\n.dockerignore\n`);
  const digest = new ContentDigest();
  for (const file of await listContent(context, { hidden: build.dockerfile === undefined })) {
    // The web server tells versions of a file apart by time and size, so the time must be the file's own.
    const { mtime } = await stat(file.source);
    const bytes = await readFile(file.source);
    await digest.add(file, [bytes]);
    pack.entry({ name: file.path, mode: file.executable ? 0o755 : 0o644, mtime }, bytes);
  }
  const wanted = build.args?.[CONTENT];
  if (wanted !== undefined && wanted !== digest.hex()) throw changed(context);
  pack.finalize();
  return Readable.from(pack);
}

/**
 * Pulls an image.
 *
 * @throws TerraceError `TERRACE_IMAGE_MISSING`
 */
export async function pullImage(docker: Dockerode, name: string): Promise<void> {
  const failure = await streamed(docker, [], (abortSignal) => docker.pull(name, { abortSignal }));
  if (failure === undefined) return;
  throw new TerraceError("TERRACE_IMAGE_MISSING", `the image ${name} is not on this engine and can't be pulled`, {
    why: failure,
    next: `load it (docker load) or push it to a registry that this machine reaches, then run this again`,
  });
}
