import { EXIT, TerraceError } from "../modules/core/errors.ts";
import type { Platform } from "../modules/platform/index.ts";
import type { Site } from "../modules/site/index.ts";
import { type Command, flag, type Input, OPTION, text } from "./cli/command.ts";
import { note, print } from "./cli/output.ts";

/** The platform's own services that a log can be asked of, by the word for it: stack and service. */
const PLATFORM: Readonly<Record<string, readonly [stack: string, service: string]>> = {
  edge: ["edge", "caddy"],
  agent: ["backup", "agent"],
  registry: ["registry", "store"],
};

export const logs: Command = {
  name: "logs",
  summary: "Show what a site's containers or its database wrote, or the edge's access log",
  arguments: [
    { name: "site", required: true, says: "a site, or `edge`, `agent` (backups by schedule), `registry` (of a pool)" },
  ],
  options: [
    OPTION.env,
    { flags: "--database", says: "what the site's database wrote" },
    { flags: "--tail <lines>", says: "how many lines from the end, 100 by default" },
    { flags: "--follow", says: "go on as lines come" },
  ],
  examples: [
    { line: "terrace logs finance", says: "the last 100 lines" },
    { line: "terrace logs guestbook --database", says: "of its database" },
    { line: "terrace logs edge --follow", says: "every request, as JSON, as it comes" },
  ],
  async run(input) {
    const [site = ""] = input.arguments;
    const tail = text(input, "tail") ?? "100";
    if (!/^\d+$/.test(tail))
      throw new TerraceError("TERRACE_USAGE", `--tail takes a number of lines, got ${tail}`, { exitCode: EXIT.usage });
    const [{ openWorkspace }, { connectTo }, { serviceLog }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/docker/index.ts"),
    ]);
    const workspace = await openWorkspace(input, PLATFORM[site] === undefined ? [site] : "platform");
    const name = await serviceOf(input, workspace);
    const docker = await connectTo(workspace);
    const lines = await serviceLog(docker, name, { tail: Number(tail), follow: flag(input, "follow"), line: print });
    if (lines === 0) note(`${site} has written nothing.`);
    return EXIT.done;
  },
};

/** @throws TerraceError `TERRACE_USAGE` where a database is asked for that the files do not have */
async function serviceOf(input: Input, { platform, sites }: { platform: Platform; sites: Site[] }): Promise<string> {
  const [{ objectName, siteStack }, { DATABASE_PART }] = await Promise.all([
    import("../modules/names/index.ts"),
    import("../modules/database/index.ts"),
  ]);
  const [name = ""] = input.arguments;
  const own = PLATFORM[name];
  const site = own === undefined ? sites.find((each) => each.name === name) : undefined;
  if (!flag(input, "database")) return objectName(platform.name, ...(own ?? ([siteStack(name), "web"] as const)));
  if (site?.serve.kind === "image" && site.serve.database !== undefined)
    return objectName(platform.name, siteStack(name), DATABASE_PART.service);
  throw new TerraceError("TERRACE_USAGE", `${name} has no database`, {
    next: "leave --database out; `serve.image.database` in a site's file gives it one",
    exitCode: EXIT.usage,
  });
}
