import { EXIT, TerraceError } from "../modules/core/errors.ts";
import { type Command, type Input, text } from "./cli/command.ts";
import { note, print } from "./cli/output.ts";

export const start: Command = {
  name: "start",
  summary: "Bring the example cluster up on this machine, Docker Engine included",
  details:
    "What `npm start` runs: installs and starts Docker Engine where it is missing (Debian, root), initialises Swarm where it is not, deploys all sites and ends with their URLs. Doing it again changes nothing.",
  options: [
    { flags: "--http <port>", says: "the port for HTTP, written into platform.yaml" },
    { flags: "--https <port>", says: "the port for HTTPS, written into platform.yaml" },
  ],
  examples: [
    { line: "npm start", says: "the example cluster on ports 80 and 443" },
    { line: "npm start -- --http 8080 --https 8443", says: "on other ports" },
  ],
  async run(input) {
    await choosePorts(input);
    const [{ openWorkspace }, { ensureDocker, ensureSwarm }, { connect }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("../modules/host/index.ts"),
      import("../modules/docker/index.ts"),
    ]);
    const workspace = await openWorkspace(input);
    const { platform, root } = workspace;
    await ensureDocker({ report: note });
    const docker = await connect();
    await ensureSwarm(docker, { report: note });
    const [{ planWorkspace }, { carry }, { exampleStack }] = await Promise.all([
      import("./cli/prepare.ts"),
      import("./cli/carry.ts"),
      import("../stacks/example/example.ts"),
    ]);
    const replan = () => planWorkspace(docker, workspace, { extras: [exampleStack(platform.name, root)] });
    const sure = { arguments: [], options: { ...input.options, yes: true } };
    const code = await carry(await replan(), sure, { reason: "start", brief: true, replan });
    if (code === EXIT.done) await urls(workspace.sites, platform.edge.https);
    return code;
  },
};

async function urls(
  sites: { title: string; domains: { canonical: { ascii: string } } }[],
  https: number,
): Promise<void> {
  const { siteUrl } = await import("../stacks/apply.ts");
  print();
  for (const { title, domains } of sites)
    print(`${siteUrl({ platform: { edge: { https } } }, domains.canonical.ascii)}  ${title}`);
  print();
  print(
    "The certificates are the platform's own: `npx terrace trust > root.crt`, then `curl --cacert root.crt URL`, or import root.crt into your browser.",
  );
  print("Next: `npx terrace status`, or change a file in site-configs/ and run `npx terrace up`.");
}

/** Ports are part of the platform's file, so that the next `terrace up` knows them too. */
async function choosePorts(input: Input): Promise<void> {
  const chosen = (["http", "https"] as const).flatMap((name) => {
    const value = text(input, name);
    return value === undefined ? [] : [[name, port(name, value)] as const];
  });
  if (chosen.length === 0) return;
  const { setPlatformKeys } = await import("../modules/workspace/index.ts");
  await setPlatformKeys(
    process.cwd(),
    chosen.map(([name, value]) => [["edge", name], value]),
  );
  note(`platform.yaml: ${chosen.map(([name, value]) => `edge.${name} is ${value}`).join(", ")}`);
}

function port(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65536) return number;
  throw new TerraceError("TERRACE_USAGE", `--${name} takes a port from 1 to 65535, got ${value}`, {
    exitCode: EXIT.usage,
  });
}
