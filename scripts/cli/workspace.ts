import { readFile } from "node:fs/promises";
import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import type { Problem } from "../../modules/core/problem.ts";
import type { Platform } from "../../modules/platform/index.ts";
import { drivers, withAddresses } from "../../modules/pool/index.ts";
import { poolMemory, reservations } from "../../modules/scale/rules.ts";
import type { Site } from "../../modules/site/index.ts";
import { loadWorkspace, readAddresses } from "../../modules/workspace/index.ts";
import { type Input, text } from "./command.ts";
import { printProblems } from "./output.ts";

export interface OpenWorkspace {
  root: string;
  platform: Platform;
  sites: Site[];
  date: string;
  problems: Problem[];
  /** Warns where the sites together reserve more than these bytes, which the pool has for them. */
  tellMemory(bytes: number): Promise<void>;
}

/**
 * Reads and checks all files of the workspace, printing every problem at once.
 *
 * @param only sites that the command is about: an error in another site's file is shown, but stops nothing; `platform` where it is
 * about none, and no site's file matters
 * @throws TerraceError `TERRACE_CONFIG` with exit code 2 where a file that matters has an error
 */
export async function openWorkspace(input: Input, only: string[] | "platform" = []): Promise<OpenWorkspace> {
  const asOf = text(input, "asOf");
  if (asOf !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(asOf)) {
    throw new TerraceError("TERRACE_USAGE", `--as-of takes a date like 2027-01-05, got ${asOf}`, {
      exitCode: EXIT.usage,
    });
  }
  const options = { root: process.cwd(), env: text(input, "env"), asOf };
  const { root, platform, sites, problems, asOf: date } = await loadWorkspace(options);
  printProblems(problems);
  const relevant = (problem: Problem) =>
    problem.severity === "error" &&
    (only.length === 0 ||
      !problem.file.startsWith("site-configs/") ||
      (only !== "platform" && only.some((site) => problem.file === `site-configs/${site}.yaml`)));
  const errors = problems.filter(relevant);
  if (errors.length > 0 || platform === undefined) {
    throw new TerraceError(
      "TERRACE_CONFIG",
      `${errors.length} error${errors.length === 1 ? "" : "s"} in the configuration; nothing was touched`,
      {
        next: "mend the lines above, then run this again (`terrace validate` checks without touching anything)",
        exitCode: EXIT.usage,
      },
    );
  }
  if (only !== "platform") requireSites(only, sites);
  const tellMemory = async (bytes: number) => {
    const reserved = reservations(sites, date).reduce((sum, each) => sum + each.bytes, 0);
    if (reserved <= bytes) return;
    const again = await loadWorkspace({ ...options, poolMemory: bytes });
    printProblems(again.problems.filter(({ rule }) => rule === poolMemory.name));
  };
  return { root, platform: await withKnownAddresses(platform, root), sites, date, problems, tellMemory };
}

/** Servers that Terrace made have the addresses that were found out then. */
async function withKnownAddresses(platform: Platform, root: string): Promise<Platform> {
  if (!drivers[platform.pool.driver].machines) return platform;
  return { ...platform, pool: withAddresses(platform.pool, await readAddresses(root, platform.name)) };
}

function requireSites(only: string[], sites: Site[]): void {
  const known = sites.map(({ name }) => name);
  const missing = only.find((name) => !known.includes(name));
  if (missing === undefined) return;
  throw new TerraceError("TERRACE_NO_SUCH_SITE", `there is no site ${missing}`, {
    next: `the sites are ${known.join(", ")}`,
    exitCode: EXIT.usage,
  });
}

/** Reads a file that the user named. */
export async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "ENOENT" ? "it is not there" : error.message;
    throw new TerraceError("TERRACE_NO_FILE", `${path} cannot be read`, { why, exitCode: EXIT.usage });
  });
}

/** Files with an error: their sites are not among those that were read. */
export function brokenFiles({ problems }: Pick<OpenWorkspace, "problems">): string[] {
  return [...new Set(problems.filter(({ severity }) => severity === "error").map(({ file }) => file))];
}
