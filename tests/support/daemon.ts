import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { ensureDocker, type Report } from "../../modules/host/index.ts";

/** Where this machine's engine writes its log, by whatever it was started, but for systemd. */
const LOGS = ["/var/log/dockerd-terrace.log", "/var/log/docker.log"];
/** ms between two looks. */
const EVERY = 2000;

/**
 * Starts this machine's Docker Engine again where it falls over, as systemd does on others, and tells what it said at last: the tests that
 * were running fail, and whoever reads that is to see why.
 *
 * @returns ends it
 */
export function keepDocker(docker: Dockerode, report: Report): () => Promise<void> {
  const stop = new AbortController();
  const watching = (async () => {
    for (;;) {
      await sleep(EVERY, undefined, { signal: stop.signal });
      if (!(await isGone(docker))) continue;
      const logs = await Promise.all(LOGS.map((path) => readFile(path, "utf8").catch(() => "")));
      report(
        `dockerd of this machine fell over:\n${logs
          .filter((log) => log !== "")
          .map(lastWords)
          .join("\n\n")}`,
      );
      await ensureDocker({ report });
    }
  })().catch((error) => stop.signal.aborted || report(String(error)));
  return async () => {
    stop.abort();
    await watching;
  };
}

/** Nobody listens, twice in a row; one that is slow to answer is there. */
async function isGone(docker: Dockerode): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const code = await docker.ping().then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (code !== "ECONNREFUSED" && code !== "ENOENT") return false;
    await sleep(EVERY / 2);
  }
  return true;
}

/** What a Docker that fell over said at last. */
export function lastWords(log: string): string {
  const last = log.trimEnd().split("\n").slice(-400);
  const panic = last.findIndex((line) => /^(panic|fatal error|unexpected fault|runtime:|SIG[A-Z]+)/.test(line));
  return (panic < 0 ? last.slice(-15) : last.slice(panic, panic + 30)).join("\n");
}
