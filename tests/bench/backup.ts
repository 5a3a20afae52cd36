import { mkdtemp, rm, statfs } from "node:fs/promises";
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
/** Beyond that, rounds take long and tell nothing more. */
const LARGEST_TIMED = 1000;
/** Bytes that a job may use whose repository is in memory, which counts as its own. */
const ROOM = 4 * 2 ** 30;
const MEMORY = "/dev/shm";

interface Bench {
  workspace: Workspace;
  /** Where its repositories are. */
  folder: string;
  /** Where those are that only tell how fast one is written: in memory if it may be, for a disk is as fast as it likes to be. */
  fast: string;
}

/** How fast a site's volume is backed up, against restic alone on the same data, and what a restore and a proof need of memory. */
export async function measureBackup(
  { data, rounds }: Options,
  took: (results: Result[]) => void,
  onMade: (destroy: (() => Promise<void>) | undefined) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "terrace-bench-backups-"));
  const fast = await mkdtemp(join((await hasRoom(MEMORY)) ? MEMORY : tmpdir(), "terrace-bench-backups-"));
  const workspace = await Workspace.create();
  const destroy = async () => {
    await workspace.destroy();
    for (const each of [folder, fast]) await rm(each, { recursive: true, force: true });
  };
  onMade(destroy);
  try {
    await writeApp(workspace);
    await workspace.add("platform.yaml", stringify({ backup: { repository: folder, schedule: "0 0 1 1 *" } }));
    const volumes = [{ name: "data", path: "/data", size: "10GiB" }];
    await workspace.site(SITE, appSite(SITE, { volumes }, { kind: "portal" }));
    await run(workspace, "up", "--yes");
    const bench = { workspace, folder, fast };
    const peaks = [];
    for (const size of data) {
      await fill(bench, size);
      if (size <= LARGEST_TIMED) took(await measureSpeed(bench, size, rounds));
      peaks.push(await measurePeaks(bench, size));
    }
    took(comparePeaks(peaks));
  } finally {
    await destroy();
    onMade(undefined);
  }
}

/** Whether there is memory for two repositories, and as much again for who works beside. */
async function hasRoom(folder: string): Promise<boolean> {
  const found = await statfs(folder).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize > 4 * LARGEST_TIMED * 2 ** 20;
}

function inMemory(folder: string): boolean {
  return folder.startsWith(MEMORY);
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
  const times: Record<"terrace" | "whole" | "plain", number[]> = { terrace: [], whole: [], plain: [] };
  const turns = [
    async () => {
      const { restic, whole } = await withTerrace(bench);
      times.terrace.push(restic);
      times.whole.push(whole);
    },
    async () => void times.plain.push(await withRestic(bench)),
  ];
  // In turns, and each first as often as the others: what the machine has to do changes from minute to minute.
  await repeat(rounds, async (round) => {
    for (const index of turns.keys()) await settled(async () => turns[(index + round) % turns.length]?.());
  });
  const [ours, theirs] = [median(times.terrace), median(times.plain)];
  const rate = (ms: number) => `${((size * 1000) / ms).toFixed(0)} MiB/s`;
  const where = inMemory(bench.fast) ? ", the repository in memory" : "";
  return [
    {
      what: `backup of ${size} MiB, new: within Terrace's job`,
      value: ours,
      unit: "ms",
      peer: { name: "restic backup", value: theirs },
      budget: { limit: 1.05, text: "<= 1.05 x" },
      against: ours / theirs,
      note: `${rate(ours)} against ${rate(theirs)}; median of ${rounds}${where}`,
    },
    {
      what: `backup of ${size} MiB, new: the job from its creation to its removal`,
      value: median(times.whole),
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
async function withTerrace({ workspace, fast }: Bench): Promise<{ restic: number; whole: number }> {
  await rm(join(fast, SITE), { recursive: true, force: true });
  const { docker, name } = workspace;
  const quiet = { report: () => {}, noWait: false, reason: "bench", signal: AbortSignal.timeout(3_600_000) };
  return withSite({ docker, platform: name, ...quiet }, SITE, async (session) => {
    const ask = { backup: "bench", live: session.live, first: true, content: undefined, safety: false };
    const repository = { kind: "local" as const, path: fast };
    const memory = inMemory(fast) ? ROOM : session.list.memory;
    const spec = backupJob({ ...session, list: { ...session.list, repository, memory } }, ask);
    const { result, wall } = await timed(() => job(session, spec, repository, true));
    if (result.fault !== undefined) throw new Error(`the job failed: ${result.fault.says}`);
    return { restic: Number(result.result.seconds) * 1000, whole: wall };
  });
}

/** ms of restic alone: the same program, the same volume, and a repository in the same folder, `at`. */
async function withRestic(bench: Bench, at = bench.fast): Promise<number> {
  await rm(join(at, "plain"), { recursive: true, force: true });
  const output = await restic(
    bench,
    at,
    "restic init >/dev/null && restic backup --json --host bench /data/volumes >/tmp/said && tail -n 1 /tmp/said",
  );
  const summary = output.split("\n").find((line) => line.includes('"message_type":"summary"'));
  if (summary === undefined) throw new Error(`restic alone said nothing of its backup:\n${output.slice(-2000)}`);
  return (JSON.parse(summary.trim()) as { total_duration: number }).total_duration * 1000;
}

/** A script in a container of the jobs' own image, with nothing of Terrace. */
async function restic({ workspace }: Bench, folder: string, script: string): Promise<string> {
  const { docker, name } = workspace;
  const images = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  const image = images.find((tag) => tag.startsWith("127.0.0.1:5325/terrace/backup:"));
  if (image === undefined) throw new Error("the image of the jobs is not there");
  const { code, output } = await runOnce(docker, {
    name: `${name}-restic`,
    Image: image,
    Entrypoint: ["sh", "-c"],
    Cmd: [script],
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
  if (code !== 0) throw new Error(`restic alone ended with ${code}:\n${output.slice(-2000)}`);
  return output;
}

interface Peaks {
  size: number;
  prove: number;
  restore: number;
  /** Of restic alone. */
  alone: number;
}

/** MiB that the jobs of a proof and of a restore need at the most, page cache left out. */
async function measurePeaks(bench: Bench, size: number): Promise<Peaks> {
  const { workspace } = bench;
  await run(workspace, "backup", "run", SITE, "--accept");
  const watch = (...args: string[]) =>
    PeakWatch.during(workspace.docker, `${workspace.name}-backup_job-${SITE}.`, () => run(workspace, ...args));
  const prove = await watch("backup", "prove", SITE);
  const restore = await watch("restore", SITE, "--no-safety", "--yes");
  await withRestic(bench, bench.folder);
  const script = "restic -q restore latest --verify --target /repository/out";
  const alone = await PeakWatch.during(workspace.docker, `${workspace.name}-restic`, () =>
    restic(bench, bench.folder, script),
  );
  await rm(join(bench.folder, "out"), { recursive: true });
  return { size, prove, restore, alone };
}

/** A job's memory grows until all of restic's workers hold their largest pieces, which takes some hundred MiB: it may not grow on. */
function comparePeaks(peaks: Peaks[]): Result[] {
  return peaks.flatMap((each, index) => {
    const before = peaks[index - 1];
    return (["prove", "restore"] as const).map((name) => ({
      what: `memory of ${name === "prove" ? "a proof" : "a restore"} of ${each.size} MiB`,
      value: each[name],
      unit: "MiB" as const,
      peer: { name: "restic restore --verify", value: each.alone },
      ...(before === undefined || before.size < LARGEST_TIMED
        ? {}
        : {
            budget: { limit: 1.25, text: `<= 1.25 x of ${before.size} MiB` },
            // Both do the same work, and chance gives one or the other of them the larger pieces.
            against: each[name] / Math.max(before.prove, before.restore),
          }),
      note: "the most that a job needs, page cache left out",
    }));
  });
}
