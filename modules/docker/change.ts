import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import { call, get, isBroken } from "./call.ts";
import type { RawContent } from "./read.ts";

const ATTEMPTS = 10;
/** Between two attempts, in ms; each is longer than the one before. */
const PAUSE = 100;

interface Versioned {
  Version: { Index: number };
  Spec: object;
}

/**
 * Reads an object of the Swarm and writes its specification back changed. Swarm itself writes to services and nodes, so what was read may
 * be old by then: it is read anew and changed again. So is one whose answer was lost: `change` must bear being
 * made twice.
 *
 * @param path e.g. `/services/ID`
 * @param change what the specification is to be, made from the object as it was read
 * @returns the object as it was before
 */
export async function changeObject<T extends Versioned>(
  docker: Dockerode,
  path: string,
  change: (found: T) => object,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const found = await get<T>(docker, path);
    try {
      await call(docker, "POST", `${path}/update`, { version: found.Version.Index }, change(found));
      return found;
    } catch (error) {
      const again = String(error).includes("out of sequence") || isBroken(error);
      if (!again || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE * attempt, undefined, { signal });
    }
  }
}

/** A secret by its name: the API's own filter takes any name that begins so. */
export async function findSecret(docker: Dockerode, name: string): Promise<RawContent | undefined> {
  const found = await get<RawContent[] | null>(docker, "/secrets", { filters: { name: [name] } });
  return found?.find(({ Spec }) => Spec.Name === name);
}
