import type Dockerode from "dockerode";
import { EXIT, type ExitCode, TerraceError } from "../modules/core/errors.ts";
import { formatMinute } from "../modules/core/time.ts";
import type { PlatformStatus, SiteStatus, VisitRequest } from "../stacks/status.ts";
import { type Command, flag, type Input, OPTION } from "./cli/command.ts";
import { errorJson, note, paint, print, printError, printFaults, printJson } from "./cli/output.ts";
import type { OpenWorkspace } from "./cli/workspace.ts";

/** Faults that leave sites answering, and nobody to ask about them. */
const WITHOUT_MANAGERS = new Set(["TERRACE_POOL_NO_QUORUM", "TERRACE_POOL_NO_MANAGER"]);

export const status: Command = {
  name: "status",
  summary: "Show every site as it is now: state, answer over TLS, certificate, tasks",
  details:
    "Visits each site through the edge, checked against the platform's root. A site whose data is on the disk of a node is marked with it. Exits with 1 where a site does not do what its file says, or has a file with errors, or an edge does not answer; where too many managers are lost it says so, and visits the sites all the same.",
  arguments: [{ name: "sites...", required: false, says: "only these sites; all where none is named" }],
  options: [
    OPTION.env,
    OPTION.asOf,
    OPTION.json,
    {
      flags: "--drift",
      says: "show only what was changed or removed by hand; exits with 1 where anything was, or where a site could not be checked",
    },
  ],
  examples: [
    { line: "terrace status", says: "all sites" },
    { line: "terrace status --json", says: "for a monitoring system" },
    { line: "terrace status --drift", says: "for a scheduled check" },
  ],
  async run(input) {
    if (flag(input, "drift")) return showDrift(input);
    const [{ brokenFiles, openWorkspace }, { edgeAddresses }] = await Promise.all([
      import("./cli/workspace.ts"),
      import("../stacks/edges.ts"),
    ]);
    const only = input.arguments;
    // A broken file keeps nobody from seeing the other sites.
    const workspace = await openWorkspace(input, only.length === 0 ? "platform" : only);
    const { platform, date } = workspace;
    const unread = only.length === 0 ? brokenFiles(workspace) : [];
    const sites = workspace.sites.filter(({ name }) => only.length === 0 || only.includes(name));
    const { now, backups, fault } = await look(workspace, { platform, sites, date, edges: edgeAddresses(platform) });
    if (flag(input, "json")) printJson({ ...now, unread, backups, fault: fault && errorJson(fault) });
    else await show(now, { unread, backups, fault });
    const silent = now.edges.some(({ revision }) => revision === undefined);
    const faults = backups.length + unread.length + (fault === undefined ? 0 : 1);
    const good = now.sites.every(({ ok }) => ok) && faults === 0 && !silent;
    return good ? EXIT.done : EXIT.failed;
  },
};

interface Look {
  now: PlatformStatus;
  /** What is wrong with backups. */
  backups: string[];
  /** Why no manager was asked. */
  fault: TerraceError | undefined;
}

/** Asks a manager and visits the sites; where the Swarm can decide nothing any more, they are visited all the same. */
async function look(workspace: OpenWorkspace, request: Omit<VisitRequest, "root">): Promise<Look> {
  const [{ connectTo }, { readRoot }, { readStatus, visitSites }] = await Promise.all([
    import("./cli/engine.ts"),
    import("../modules/docker/index.ts"),
    import("../stacks/status.ts"),
  ]);
  const { platform, sites } = request;
  try {
    const docker = await connectTo(workspace);
    const now = await readStatus({ ...request, docker, root: await readRoot(docker, platform.name) });
    const names = sites.map(({ name }) => name);
    return { now, backups: await backupFaults(docker, platform.name, names), fault: undefined };
  } catch (error) {
    if (!(error instanceof TerraceError) || !WITHOUT_MANAGERS.has(error.code)) throw error;
    return { now: await visitSites({ ...request, root: undefined }), backups: [], fault: error };
  }
}

async function show(
  { sites, edges }: PlatformStatus,
  { unread, backups, fault }: { unread: string[]; backups: string[]; fault: TerraceError | undefined },
): Promise<void> {
  const { table } = await import("./cli/table.ts");
  const bad = sites.filter(({ ok }) => !ok);
  if (fault !== undefined) {
    printError(fault);
    note("  Visited all the same: tasks and nodes are not known, and certificates are not checked.");
  }
  print(table(["SITE", "STATE", "URL", "HTTP", "TIME", "CERTIFICATE", "TASKS", "REVISION", "NODE"], sites.map(row)));
  print();
  for (const { address, revision } of edges)
    print(`edge ${address}: ${revision === undefined ? "does not answer" : `routes ${revision}`}`);
  print(
    bad.length === 0
      ? `All ${sites.length} ${unread.length === 0 ? "" : "other "}sites answer.`
      : paint.red(`${bad.length} of ${sites.length} sites do not do what their files say.`),
  );
  for (const file of unread) print(paint.red(`  ${file} has errors: its site was not visited`));
  for (const { site, error } of bad) if (error !== undefined) print(`  ${site}: ${error}`);
  for (const { site, changedByHand } of sites)
    if (changedByHand.length > 0)
      print(
        paint.yellow(`  ${site}: changed by hand (${changedByHand.join(", ")}): terrace status --drift says in what`),
      );
  for (const each of backups) print(paint.red(`backup ${each}`));
}

/** What is wrong with the backups of these sites; nothing where the platform makes none. */
async function backupFaults(docker: Dockerode, platform: string, sites: string[]): Promise<string[]> {
  const [{ readBackups }, { overviewOf }] = await Promise.all([
    import("../stacks/backup/cluster.ts"),
    import("../stacks/backup/overview.ts"),
  ]);
  const state = await readBackups(docker, platform);
  if (state.list === undefined) return [];
  const seen = await overviewOf(docker, state.list, state, new Date());
  const faults = seen.sites
    .filter(({ site }) => sites.includes(site))
    .flatMap(({ site, faults: of }) => of.map((fault) => `${site}: ${fault}`));
  return [...faults, ...seen.faults];
}

/** A site that cannot be planned was not compared with the cluster: that is no good answer either. */
async function showDrift(input: Input): Promise<ExitCode> {
  const [{ prepare }, { allChanges }, { showChange, changeJson, faultsOf, unplanned }] = await Promise.all([
    import("./cli/prepare.ts"),
    import("../stacks/model.ts"),
    import("./cli/show-plan.ts"),
  ]);
  const { plan } = await prepare(input, input.arguments);
  const changes = allChanges(plan).filter(({ drifted }) => drifted);
  const faults = faultsOf(plan);
  const good = changes.length === 0 && faults.length === 0;
  if (flag(input, "json")) printJson({ changes: changes.map(changeJson), faults });
  else {
    for (const change of changes) showChange(change);
    if (good) print("Nothing was changed by hand.");
    if (faults.length > 0) print(`Not all was checked: ${unplanned(plan)}.`);
    if (changes.length > 0) print("Next: terrace apply puts it back");
  }
  printFaults(plan.sites.map(({ site, fault }) => ({ site: site.name, fault })));
  return good ? EXIT.done : EXIT.failed;
}

function row(site: SiteStatus): string[] {
  const http = site.http === 0 ? "none" : String(site.http);
  return [
    site.site,
    site.state,
    site.url,
    site.ok ? http : paint.red(http),
    site.http === 0 ? "-" : `${site.time} ms`,
    site.certificateUntil === undefined ? "-" : formatMinute(site.certificateUntil),
    tasksOf(site),
    site.revision ?? "-",
    nodesOf(site),
  ];
}

function tasksOf({ tasks, database }: SiteStatus): string {
  if (tasks === undefined) return "?";
  if (tasks.wanted === 0) return "-";
  return `${tasks.running}/${tasks.wanted}${database === undefined ? "" : ` + db ${database ? "1/1" : "0/1"}`}`;
}

function nodesOf({ nodes, home }: SiteStatus): string {
  const on = nodes.join(" ");
  if (home === undefined) return on || "-";
  return on === home ? `${home} (data)` : `${on || "-"} (data on ${home})`;
}
