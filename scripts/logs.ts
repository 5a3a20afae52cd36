import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { type Command, flag, OPTION, text } from "./cli/command.ts";
import { note, print } from "./cli/output.ts";

export const logs: Command = {
  name: "logs",
  summary: "Show what a site's containers wrote, or the edge's access log",
  arguments: [{ name: "site", required: true, says: "a site, or `edge`" }],
  options: [
    OPTION.env,
    { flags: "--tail <lines>", says: "how many lines from the end, 100 by default" },
    { flags: "--follow", says: "go on as lines come" },
  ],
  examples: [
    { line: "terrace logs finance", says: "the last 100 lines" },
    { line: "terrace logs edge --follow", says: "every request, as JSON, as it comes" },
  ],
  async run(input) {
    const [site = ""] = input.arguments;
    const tail = text(input, "tail") ?? "100";
    if (!/^\d+$/.test(tail))
      throw new TerraceError("TERRACE_USAGE", `--tail takes a number of lines, got ${tail}`, { exitCode: EXIT.usage });
    const [{ openWorkspace }, { connectTo }, { serviceLog }, { objectName, siteStack }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/docker/index.ts"),
      import("../modules/names/index.ts"),
    ]);
    const workspace = await openWorkspace(input, site === "edge" ? [] : [site]);
    const { platform } = workspace;
    const docker = await connectTo(workspace);
    const name =
      site === "edge" ? objectName(platform.name, "edge", "caddy") : objectName(platform.name, siteStack(site), "web");
    const lines = await serviceLog(docker, name, { tail: Number(tail), follow: flag(input, "follow"), line: print });
    if (lines === 0) note(`${site} has written nothing.`);
    return EXIT.done;
  },
};
