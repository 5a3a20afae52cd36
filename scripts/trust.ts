import { EXIT } from "../modules/core/errors.ts";
import { type Command, flag, OPTION } from "./cli/command.ts";
import { note, print } from "./cli/output.ts";

export const trust: Command = {
  name: "trust",
  summary: "Print the root certificate of the platform's own authority, or install it on this machine",
  details:
    "Without an option the certificate goes to standard output, and nothing is changed. Installing needs root and works on Debian and its descendants.",
  options: [OPTION.env, { flags: "--install", says: "add it to this machine's trusted certificates" }],
  examples: [
    { line: "terrace trust > honghe-root.crt", says: "for a browser's settings, or for curl --cacert" },
    { line: "sudo npx terrace trust --install", says: "for all programs of this machine that use its store" },
  ],
  async run(input) {
    const [{ openWorkspace }, { connectTo }, { readRoot }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("./cli/engine.ts"),
      import("../modules/docker/index.ts"),
    ]);
    const workspace = await openWorkspace(input, "platform");
    const { platform } = workspace;
    const docker = await connectTo(workspace);
    const root = await readRoot(docker, platform.name);
    if (!flag(input, "install")) {
      print(root.trimEnd());
      return EXIT.done;
    }
    const { installRootCertificate } = await import("../modules/host/index.ts");
    const path = await installRootCertificate(platform.name, root);
    note(
      `Installed as ${path}. Firefox and Chromium keep stores of their own: import the certificate in their settings too.`,
    );
    return EXIT.done;
  },
};
