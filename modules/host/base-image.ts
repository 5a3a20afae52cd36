import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { BASE_RECIPE } from "../images/index.ts";
import { lastLines, run } from "./run.ts";

const UPSTREAM = BASE_RECIPE.upstream;
/** How long a registry may take, in milliseconds. Networks without one often don't refuse, they just never answer. */
const PULL_LIMIT = 10_000;
const TOOL = "mmdebstrap";

/**
 * Makes the base image of all images that Terrace builds and tags it `reference`: the distribution's own where a registry
 * answers within 10 s, else the same made from the package mirror. Needs root only for the latter.
 *
 * @throws TerraceError `TERRACE_BASE_IMAGE` where neither way is open
 */
export async function bootstrapBase(
  docker: Dockerode,
  reference: string,
  report: (line: string) => void,
): Promise<void> {
  const { name, tag } = split(reference);
  if (await pulled(docker)) {
    await docker.getImage(UPSTREAM).tag({ repo: name, tag });
    report(`base image: ${UPSTREAM} pulled`);
    return;
  }
  report("base image: no registry answers, making it from the package mirror (about a minute)");
  await requireTool(report);
  await importTree(docker, name, tag);
  report("base image: made from the package mirror");
}

async function pulled(docker: Dockerode): Promise<boolean> {
  const limit = AbortSignal.timeout(PULL_LIMIT);
  try {
    const stream = await docker.pull(UPSTREAM, { abortSignal: limit });
    await new Promise<void>((resolve, reject) => {
      limit.addEventListener("abort", () => reject(limit.reason), { once: true });
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
    });
    return true;
  } catch {
    // Any refusal means the same: go on without a registry.
    return false;
  }
}

async function requireTool(report: (line: string) => void): Promise<void> {
  if (await installed(TOOL)) return;
  const debian = await installed("apt-get");
  if (!debian || process.getuid?.() !== 0) {
    throw missing(`${TOOL} is not installed${debian ? " and only root can install it" : ""}`);
  }
  report(`base image: installing ${TOOL}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  await run("apt-get", ["update", "-q", ...lock], env);
  const { code, output } = await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...lock, TOOL], env);
  if (code !== 0) throw missing(`${TOOL} could not be installed:\n${lastLines(output)}`);
}

/** Streams the tree into the engine as it is made: no copy of it ever lies on the disk. */
async function importTree(docker: Dockerode, name: string, tag: string): Promise<void> {
  const tool = spawn(TOOL, toolArguments(), { stdio: ["ignore", "pipe", "pipe"] });
  const messages: Buffer[] = [];
  tool.stderr.on("data", (chunk: Buffer) => messages.push(chunk));
  const ended = once(tool, "close") as Promise<[number | null]>;
  try {
    // Untagged at first: a stream that ends early is an image for the engine.
    const answer = await docker.importImage(tool.stdout, { changes: 'CMD ["/bin/sh"]' });
    const image = await importedId(answer);
    const [code] = await ended;
    if (code !== 0) {
      await docker.getImage(image).remove({ force: true });
      throw new Error(`${TOOL} ended with ${code}`);
    }
    await docker.getImage(image).tag({ repo: name, tag });
  } catch (error) {
    tool.kill("SIGTERM");
    await ended.catch(() => undefined);
    throw missing(lastLines(`${Buffer.concat(messages)}\n${(error as Error).message}`), error);
  }
}

function toolArguments(): string[] {
  const { suite, packages, sources, excluded, cleaned } = BASE_RECIPE;
  // The merged /usr is laid out by a hook: the package that would do it otherwise brings 50 MB of Perl.
  const merged = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr";
  const rules = excluded.map((rule) => `--dpkgopt=${rule}`);
  const apt = ["APT::Install-Recommends false", "Acquire::Retries 2", "Acquire::http::Timeout 20"];
  const clean = `--customize-hook=cd "$1" && rm -rf ${cleaned.join(" ")}`;
  const options = [merged, ...rules, ...apt.map((option) => `--aptopt=${option}`), clean];
  return ["--variant=minbase", `--include=${packages.join(",")}`, "--quiet", ...options, suite, "-", ...sources];
}

async function importedId(answer: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  const status = text.trim().split("\n").at(-1) ?? "";
  const id = /sha256:[0-9a-f]{64}/.exec(status)?.[0];
  if (id === undefined) throw new Error(`the engine did not take the image: ${status}`);
  return id;
}

async function installed(program: string): Promise<boolean> {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, program)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

function split(reference: string): { name: string; tag: string } {
  const colon = reference.lastIndexOf(":");
  return colon > reference.lastIndexOf("/")
    ? { name: reference.slice(0, colon), tag: reference.slice(colon + 1) }
    : { name: reference, tag: "latest" };
}

function missing(why: string, cause?: unknown): TerraceError {
  return new TerraceError("TERRACE_BASE_IMAGE", `the base image ${UPSTREAM} can neither be pulled nor be made here`, {
    why,
    next: `let this machine reach a registry that has ${UPSTREAM}, or a Debian mirror (as root on Debian), or load that image with docker load`,
    cause,
  });
}
