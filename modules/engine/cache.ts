import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shortHash } from "../core/hash.ts";
import { installRoot } from "../core/root.ts";
import type { Desired } from "./model.ts";

/** What is remembered of an object that a program wanted: enough to see that nothing changed, and nothing that is secret. */
export type Remembered = Pick<Desired, "kind" | "name" | "hash" | "once">;

/**
 * What programs evaluated to, by a hash of all that goes into them. Evaluating is a pure function, so this is a memory and no state:
 * without it a plan takes longer and says the same. Kept in the user's cache folder; a file that can't be read or written is let be.
 */
export class EvaluationCache {
  readonly #path: string;
  readonly #edition: string | undefined;
  readonly #before: Record<string, Remembered[]>;
  readonly #now: Record<string, Remembered[]> = {};

  /** @param scope tells the platforms of one user apart, e.g. the workspace's folder and the platform's name */
  constructor(scope: string) {
    const folder = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
    this.#path = join(folder, "terrace", `${shortHash(scope)}.json`);
    this.#edition = edition();
    this.#before = this.#edition === undefined ? {} : read(this.#path);
  }

  /** What a stack with these inputs wants, if it was evaluated before by this very edition of Terrace. */
  get(stack: string, inputs: unknown): Remembered[] | undefined {
    const key = this.#key(stack, inputs);
    const known = this.#before[key];
    if (known !== undefined) this.#now[key] = known;
    return known;
  }

  put(stack: string, inputs: unknown, desired: Desired[]): void {
    this.#now[this.#key(stack, inputs)] = desired.map(({ kind, name, hash, once }) => ({ kind, name, hash, once }));
  }

  /** Writes what was used or added in this run; forgets the rest. */
  save(): void {
    const keys = Object.keys(this.#now);
    const same = keys.length === Object.keys(this.#before).length && keys.every((key) => key in this.#before);
    if (this.#edition === undefined || same) return;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      const temporary = `${this.#path}.${process.pid}`;
      writeFileSync(temporary, JSON.stringify(this.#now), { mode: 0o600 });
      renameSync(temporary, this.#path);
    } catch {
      // A read-only home costs time, nothing else.
    }
  }

  #key(stack: string, inputs: unknown): string {
    // Keys in another order are only evaluated once more; sorting them costs more than that.
    return shortHash(`${this.#edition}\n${stack}\n${JSON.stringify(inputs)}`);
  }
}

/** Which code runs: the digest of the sources of this build. Undefined when run from source, where nobody keeps one. */
function edition(): string | undefined {
  if (basename(dirname(fileURLToPath(import.meta.url))) !== "dist") return undefined;
  try {
    return readFileSync(join(installRoot(), "dist", "sources.sha256"), "utf8");
  } catch {
    return undefined;
  }
}

function read(path: string): Record<string, Remembered[]> {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, Remembered[]>;
  } catch {
    return {};
  }
}
