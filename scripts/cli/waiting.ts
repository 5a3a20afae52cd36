import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { describeHolder, type LockHolder } from "../../modules/engine/index.ts";
import { parseDuration } from "../../modules/units/index.ts";
import type { Input } from "./command.ts";

/** Whether a run waits for whoever is changing the same, and for how long. */
export interface Wait {
  noWait: boolean;
  /** ms; `undefined` for as long as it takes. */
  limit: number | undefined;
}

/**
 * What `--wait`, `--wait LIMIT` and `--no-wait` ask for; without any of them a run waits as long as it takes.
 *
 * @throws TerraceError `TERRACE_USAGE` where the limit is no time
 */
export function waitOf({ options: { wait } }: Input): Wait {
  if (typeof wait !== "string") return { noWait: wait === false, limit: undefined };
  const limit = parseDuration(wait);
  if (limit !== undefined) return { noWait: false, limit };
  throw new TerraceError("TERRACE_USAGE", `--wait takes a time like 5m, got ${wait}`, {
    next: "name sites before it, or say how long: --wait=5m",
    exitCode: EXIT.usage,
  });
}

/** How often somebody who reads a log is told that the run still waits, in ms. */
const AGAIN = 10_000;

/** Where waiting is shown: a terminal has one line that goes on, anything else a line now and then. */
export interface WaitingPlace {
  terminal: boolean;
  write(text: string): void;
}

/** Shows for whom a run waits and for how long; `done` ends the line that is written over again and again. */
export function showWaiting({ terminal, write }: WaitingPlace): {
  waiting(holder: LockHolder, ms: number): void;
  done(): void;
} {
  let open = false;
  let told = "";
  let next = 0;
  const waiting = (holder: LockHolder, ms: number) => {
    const who = describeHolder(holder);
    const text = `waiting for ${who}`;
    const time = `${Math.floor(ms / 1000)} s`;
    if (terminal) {
      write(`\r\x1b[2K${text}: ${time}`);
      open = true;
    } else if (who !== told || ms >= next) {
      write(ms < AGAIN ? `${text}\n` : `${text}: ${time} by now\n`);
      next = (Math.floor(ms / AGAIN) + 1) * AGAIN;
    }
    told = who;
  };
  const done = () => {
    if (open) write("\n");
    open = false;
  };
  return { waiting, done };
}
