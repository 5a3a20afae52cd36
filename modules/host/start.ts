import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { TerraceError } from "../core/errors.ts";
import { type Answer, ask, findProgram } from "./facts.ts";
import type { Report } from "./report.ts";
import { lastLines, run } from "./run.ts";

/** Where a daemon that Terrace itself started writes its log. */
const LOG = "/var/log/dockerd-terrace.log";
/** Milliseconds. The first start of an engine with many containers takes its time. */
const LIMIT = 60_000;

interface StartOptions {
  socket: string;
  systemd: boolean;
  report: Report;
  env: NodeJS.ProcessEnv;
}

/**
 * Starts the installed daemon the way this machine starts daemons, and waits until it answers. An existing `daemon.json` is not touched.
 *
 * @throws TerraceError `TERRACE_DOCKER_START` with the last lines of the daemon's log
 */
export async function startDocker(options: StartOptions): Promise<Answer & { kind: "ready" }> {
  options.report("Starting Docker Engine");
  // Installing the package may have started it.
  const already = await waitFor(options.socket, 2000);
  if (already.kind === "ready") return already;
  const log = options.systemd ? await bySystemd() : await byHand(options);
  const answer = await waitFor(options.socket, LIMIT);
  if (answer.kind === "ready") return answer;
  throw new TerraceError("TERRACE_DOCKER_START", "Docker Engine was started but does not answer", {
    why: `${answer.kind === "silent" ? answer.reason : "permission denied"}\n${await log()}`,
    next: "mend what its log says and repeat the command",
  });
}

type Log = () => Promise<string>;

async function bySystemd(): Promise<Log> {
  await run("systemctl", ["start", "docker"]);
  return async () =>
    lastLines((await run("journalctl", ["-u", "docker", "-n", "20", "--no-pager", "-o", "cat"])).output);
}

async function byHand({ socket, env }: StartOptions): Promise<Log> {
  const script = await access("/etc/init.d/docker").then(
    () => true,
    () => false,
  );
  if (script) {
    const service = await run("service", ["docker", "start"], env);
    // The script goes into the background before the daemon listens, and cannot say that it failed later.
    if (service.code === 0 && (await waitFor(socket, LIMIT / 3)).kind === "ready") return async () => "";
  }
  return spawnDaemon((await findProgram("dockerd", env)) ?? "dockerd", socket, env);
}

/** Starts `dockerd` so that it outlives this process and its terminal. */
async function spawnDaemon(program: string, socket: string, env: NodeJS.ProcessEnv): Promise<Log> {
  const out = openSync(LOG, "a", 0o640);
  const child = spawn(program, ["--host", `unix://${socket}`], {
    detached: true,
    stdio: ["ignore", out, out],
    env,
    cwd: "/",
  });
  let failure = "";
  child.on("error", (error) => {
    failure = error.message;
  });
  child.unref();
  return async () => `${failure}${LOG}:\n${lastLines(await readFile(LOG, "utf8").catch(() => ""))}`;
}

/** Asks until the daemon answers or `limit` milliseconds have passed; the last answer. */
export async function waitFor(socket: string, limit: number): Promise<Answer> {
  const deadline = Date.now() + limit;
  for (;;) {
    const answer = await ask(socket);
    if (answer.kind !== "silent" || Date.now() > deadline) return answer;
    await sleep(200);
  }
}
