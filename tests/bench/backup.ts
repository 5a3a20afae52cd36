import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { backupJob } from "../../modules/backup/index.ts";
import { job, withSite } from "../../stacks/backup/run.ts";
import { appSite, writeApp } from "../support/app.ts";
import { inContainer, runOnce } from "../support/containers.ts";
import { Workspace } from "../support/workspace.ts";
import { median, repeat, requireDone, runTimed, timed } from "./measure.ts";
import type { Options } from "./options.ts";
import { PeakWatch } from "./peak.ts";
import type { Result } from "./report.ts";

const SITE = "notes";
const FILE = 5;

interface Bench {
  workspace: Workspace;
  /** Where its repositories are. */
  folder: string;
}

/** How fast a site's volume is backed up, against restic alone on the same data, and what a restore and a proof need of memory. */
export async function measureBackup(
  { data, rounds }: Options,
  took: (results: Result[]) => void,
  onMade: (destroy: (() => Promise<void>) | undefined) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "terrace-bench-backups-"));
  const workspace = await Workspace.create();
  const destroy = async () => {
    await workspace.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  onMade(destroy);
  try {
    await writeApp(workspace);
    await workspace.add("platform.yaml", stringify({ backup: { repository: folder, schedule: "0 0 1 1 *" } }));
    const volumes = [{ name: "data", path: "/data", size: "10GiB" }];
    await workspace.site(SITE, appSite(SITE, { volumes }, { kind: "portal" }));
    await run(workspace, "up", "--yes");
    const bench = { workspace, folder };
    const peaks = [];
    for (const size of data) {
      await fill(bench, size);
      took(await measureSpeed(bench, size, rounds));
      peaks.push(await measurePeaks(bench, size));
    }
    took(comparePeaks(peaks));
  } finally {
    await destroy();
    onMade(undefined);
  }
}

async function run(workspace: Workspace, ...args: string[]): Promise<void> {
  const { result, wall } = await timed(() => workspace.run(...args));
  requireDone({ code: Number(result.code), output: result.all, wall, peak: undefined }, `terrace ${args.join(" ")}`);
}

/** Files of 5 MiB that nothing can be saved on. */
async function fill({ workspace }: Bench, size: number): Promise<void> {
  const container = await workspace.cluster.container(workspace.cluster.web(SITE));
  const script = `for n in $(seq ${Math.ceil(size / FILE)}); do [ -e /data/$n ] || head -c ${FILE}M /dev/urandom >/data/$n || exit 1; done`;
  const { code, output } = await inContainer(container, ["sh", "-c", script]);
  if (code !== 0) throw new Error(`the volume could not be filled:\n${output}`);
}

async function measureSpeed(bench: Bench, size: number, rounds: number): Promise<Result[]> {
  // In turns, and each first once: what comes second finds the files in the machine's memory.
  const both = await repeat(rounds, async (round) => {
    const first = round % 2 === 0 ? await settled(() => withTerrace(bench)) : undefined;
    const plain = await settled(() => withRestic(bench));
    return { terrace: first ?? (await settled(() => withTerrace(bench))), plain };
  });
  const [ours, theirs] = [median(both.map(({ terrace }) => terrace.restic)), median(both.map(({ plain }) => plain))];
  const rate = (ms: number) => `${((size * 1000) / ms).toFixed(0)} MiB/s`;
  return [
    {
      what: `backup of ${size} MiB, new: within Terrace's job`,
      value: ours,
      unit: "ms",
      peer: { name: "restic backup", value: theirs },
      budget: { limit: 1.05, text: "<= 1.05 x" },
      against: ours / theirs,
      note: `${rate(ours)} against ${rate(theirs)}`,
    },
    {
      what: `backup of ${size} MiB, new: the job from its creation to its removal`,
      value: median(both.map(({ terrace }) => terrace.whole)),
      unit: "ms",
      note: "makes the repository, and waits for Swarm",
    },
  ];
}

/** Does something when what was written before is on the disk. */
async function settled<T>(work: () => Promise<T>): Promise<T> {
  await runTimed("sync", []);
  return work();
}

/** ms that restic took in Terrace's own job, and those of the whole job. */
async function withTerrace({ workspace, folder }: Bench): Promise<{ restic: number; whole: number }> {
  await rm(join(folder, SITE), { recursive: true, force: true });
  const { docker, name } = workspace;
  const quiet = { report: () => {}, noWait: false, reason: "bench", signal: AbortSignal.timeout(3_600_000) };
  return withSite({ docker, platform: name, ...quiet }, SITE, async (session) => {
    const ask = { backup: "bench", live: session.live, first: true, content: undefined, safety: false };
    const { result, wall } = await timed(() => job(session, backupJob(session, ask), session.list.repository, true));
    if (result.fault !== undefined) throw new Error(`the job failed: ${result.fault.says}`);
    return { restic: Number(result.result.seconds) * 1000, whole: wall };
  });
}

/** ms of restic alone: the same program, the same volume, and a repository in the same folder. */
async function withRestic({ workspace, folder }: Bench): Promise<number> {
  await rm(join(folder, "plain"), { recursive: true, force: true });
  const { docker, name } = workspace;
  const images = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  const image = images.find((tag) => tag.startsWith("127.0.0.1:5325/terrace/backup:"));
  if (image === undefined) throw new Error("the image of the jobs is not there");
  const { code, output } = await runOnce(docker, {
    name: `${name}-restic`,
    Image: image,
    Entrypoint: ["sh", "-c"],
    Cmd: [
      "restic init >/dev/null && restic backup --json --host bench /data/volumes >/tmp/said && tail -n 1 /tmp/said",
    ],
    User: "0:0",
    Env: [
      "RESTIC_PASSWORD=bench",
      "RESTIC_REPOSITORY=/repository/plain",
      "RESTIC_CACHE_DIR=/tmp",
      "RESTIC_PROGRESS_FPS=0.2",
    ],
    HostConfig: {
      Binds: [`${name}-site-${SITE}_data:/data/volumes/data:ro`, `${folder}:/repository`],
      NetworkMode: "none",
    },
  });
  const summary = output.split("\n").find((line) => line.includes('"message_type":"summary"'));
  if (code !== 0 || summary === undefined) throw new Error(`restic alone ended with ${code}:\n${output.slice(-2000)}`);
  return (JSON.parse(summary.trim()) as { total_duration: number }).total_duration * 1000;
}

interface Peaks {
  size: number;
  prove: number;
  restore: number;
}

/** MiB that the jobs of a proof and of a restore need at the most, page cache left out. */
async function measurePeaks({ workspace }: Bench, size: number): Promise<Peaks> {
  await run(workspace, "backup", "run", SITE, "--accept");
  const watch = (...args: string[]) =>
    PeakWatch.during(workspace.docker, `${workspace.name}-backup_job-${SITE}.`, () => run(workspace, ...args));
  const prove = await watch("backup", "prove", SITE);
  return { size, prove, restore: await watch("restore", SITE, "--no-safety", "--yes") };
}

function comparePeaks(peaks: Peaks[]): Result[] {
  const [small, large] = [peaks[0], peaks.at(-1)];
  if (small === undefined || large === undefined) return [];
  return (["prove", "restore"] as const).map((name) => ({
    what: `memory of ${name === "prove" ? "a proof" : "a restore"} of ${large.size} MiB`,
    value: large[name],
    unit: "MiB",
    peer: { name: `of ${small.size} MiB`, value: small[name] },
    budget: { limit: 1.25, text: "<= 1.25 x" },
    against: large[name] / small[name],
    note: "the most that a job needs, page cache left out",
  }));
}
