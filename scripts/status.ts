import type Dockerode from "dockerode";
import { EXIT, type ExitCode } from "../modules/core/errors.ts";
import type { SiteStatus } from "../stacks/status.ts";
import { type Command, flag, type Input, OPTION } from "./cli/command.ts";
import { paint, print, printJson } from "./cli/output.ts";

export const status: Command = {
  name: "status",
  summary: "Show every site as it is now: state, answer over TLS, certificate, tasks",
  details:
    "Visits each site through the edge, checked against the platform's root. Exits with 1 where a site does not do what its file says, or an edge does not answer.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [
    OPTION.env,
    OPTION.asOf,
    OPTION.json,
    { flags: "--drift", says: "show only what was changed or removed by hand; exits with 1 where anything was" },
  ],
  examples: [
    { line: "terrace status", says: "all sites" },
    { line: "terrace status --json", says: "for a monitoring system" },
    { line: "terrace status --drift", says: "for a scheduled check" },
  ],
  async run(input) {
    if (flag(input, "drift")) return showDrift(input);
    const [{ openWorkspace }, { connectTo }, { readRoot }, { readStatus }, { table }, { edgeAddresses }] =
      await Promise.all([
        import("./cli/workspace.ts"),
        import("./cli/engine.ts"),
        import("../modules/docker/index.ts"),
        import("../stacks/status.ts"),
        import("./cli/table.ts"),
        import("../stacks/edges.ts"),
      ]);
    const only = input.arguments;
    const workspace = await openWorkspace(input, only);
    const { platform, sites, date } = workspace;
    const docker = await connectTo(workspace);
    const root = await readRoot(docker, platform.name);
    const chosen = sites.filter(({ name }) => only.length === 0 || only.includes(name));
    const edges = edgeAddresses(platform);
    const now = await readStatus({ docker, platform, sites: chosen, date, edges, root });
    const bad = now.sites.filter(({ ok }) => !ok);
    const backups = await backupFaults(
      docker,
      platform.name,
      chosen.map(({ name }) => name),
    );
    if (flag(input, "json")) printJson({ ...now, backups });
    else {
      print(
        table(["SITE", "STATE", "URL", "HTTP", "TIME", "CERTIFICATE", "TASKS", "REVISION", "NODE"], now.sites.map(row)),
      );
      print();
      for (const { address, revision } of now.edges)
        print(`edge ${address}: ${revision === undefined ? "does not answer" : `routes ${revision}`}`);
      print(
        bad.length === 0
          ? `All ${now.sites.length} sites answer.`
          : paint.red(`${bad.length} of ${now.sites.length} sites do not do what their files say.`),
      );
      for (const { site, error } of bad) if (error !== undefined) print(`  ${site}: ${error}`);
      for (const fault of backups) print(paint.red(`backup ${fault}`));
    }
    const silent = now.edges.some(({ revision }) => revision === undefined);
    return bad.length === 0 && backups.length === 0 && !silent ? EXIT.done : EXIT.failed;
  },
};

/** What is wrong with the backups of these sites; nothing where the platform makes none. */
async function backupFaults(docker: Dockerode, platform: string, sites: string[]): Promise<string[]> {
  const [{ readBackups }, { describeBackups, agentFault }] = await Promise.all([
    import("../stacks/backup/cluster.ts"),
    import("../stacks/backup/overview.ts"),
  ]);
  const state = await readBackups(docker, platform);
  if (state.list === undefined) return [];
  const seen = describeBackups(state.list, state, new Date());
  const faults = seen.sites
    .filter(({ site }) => sites.includes(site))
    .flatMap(({ site, faults: of }) => of.map((fault) => `${site}: ${fault}`));
  return [...faults, ...(await agentFault(docker, platform))];
}

async function showDrift(input: Input): Promise<ExitCode> {
  const [{ prepare }, { allChanges }, { showChange, changeJson }] = await Promise.all([
    import("./cli/prepare.ts"),
    import("../stacks/model.ts"),
    import("./cli/show-plan.ts"),
  ]);
  const { plan } = await prepare(input, input.arguments);
  const drifted = allChanges(plan).filter(({ reason }) => reason === "drift");
  if (flag(input, "json")) printJson(drifted.map(changeJson));
  else for (const change of drifted) showChange(change);
  if (!flag(input, "json"))
    print(drifted.length === 0 ? "Nothing was changed by hand." : "Next: terrace apply puts it back");
  return drifted.length === 0 ? EXIT.done : EXIT.failed;
}

function tasks({ tasks: { running, wanted }, database }: SiteStatus): string {
  if (wanted === 0) return "-";
  return `${running}/${wanted}${database === undefined ? "" : ` + db ${database ? "1/1" : "0/1"}`}`;
}

function row(site: SiteStatus): string[] {
  const http = site.http === 0 ? "none" : String(site.http);
  return [
    site.site,
    site.state,
    site.url,
    site.ok ? http : paint.red(http),
    site.http === 0 ? "-" : `${site.time} ms`,
    site.certificateUntil?.slice(0, 16).replace("T", " ") ?? "-",
    tasks(site),
    site.revision ?? "-",
    site.nodes.join(" ") || "-",
  ];
}
