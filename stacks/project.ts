import * as pulumi from "@pulumi/pulumi";
import { TerraceError } from "../modules/core/errors.ts";
import { formatProblem } from "../modules/core/problem.ts";
import { installRoot } from "../modules/core/root.ts";
import type { Platform } from "../modules/platform/index.ts";
import type { Site } from "../modules/site/index.ts";
import { loadWorkspace } from "../modules/workspace/index.ts";

/** What a stack's entry point works from when the Pulumi CLI runs it. */
export interface Project {
  root: string;
  platform: Platform;
  sites: Site[];
  date: string;
}

/**
 * The workspace for a program that the Pulumi CLI runs: the folder of `pulumi config set terrace:root`, or this checkout;
 * `terrace:env` and `terrace:date` as the options of `terrace` of those names.
 */
export async function openProject(): Promise<Project> {
  const config = new pulumi.Config("terrace");
  const { root, platform, sites, problems, asOf } = await loadWorkspace({
    root: config.get("root") ?? installRoot(),
    env: config.get("env"),
    asOf: config.get("date"),
  });
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0 || platform === undefined) {
    throw new TerraceError("TERRACE_CONFIG", errors.map(formatProblem).join("\n"));
  }
  return { root, platform, sites, date: asOf };
}
