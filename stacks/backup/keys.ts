import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import {
  BACKUP_STACK,
  hasRepository,
  jobName,
  PASSWORD,
  repositoryJob,
  type SecretRef,
  targetText,
} from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { Secret } from "../../modules/core/secret.ts";
import { call, destroyObject, findSecret, removeJob, runJob } from "../../modules/docker/index.ts";
import { BACKUP_KEY, BACKUPS, withLock } from "../../modules/engine/index.ts";
import { objectName } from "../../modules/names/index.ts";
import { readBackups, readKeys, requireList } from "./cluster.ts";
import { secondPlace } from "./places.ts";
import { repositoryFault } from "./restore.ts";
import { type BackupContext, job, withRepository } from "./run.ts";

const NEXT = `${PASSWORD}-next`;

/**
 * The password of all repositories, sealed with age for recipients: Swarm itself never gives a secret back.
 *
 * @throws TerraceError `TERRACE_BACKUP_KEY`, also where a rotation was cut off: repositories may have the next one already
 */
export async function exportKey(context: BackupContext, recipients: string[]): Promise<string> {
  const { docker, platform } = context;
  if ((await findSecret(docker, objectName(platform, BACKUP_STACK, NEXT))) !== undefined) {
    throw new TerraceError("TERRACE_BACKUP_KEY", "the key is being changed, or a change was cut off", {
      why: "some repositories may have the next one already",
      next: "terrace backup key rotate: it goes on where it stopped; then export again",
    });
  }
  return alone(context, async (own) => seal(own, (await readKeys(docker, platform)).passwords, recipients));
}

/** In the place of a site's name: no site has this one. */
const KEYS = "-keys";

/** By who has the lock of the key: a job of its own reads the first of these secrets, and lets it out only sealed. */
async function seal(context: BackupContext, passwords: SecretRef[], recipients: string[]): Promise<string> {
  const { docker, platform, signal, report } = context;
  const list = requireList(await readBackups(docker, platform), platform);
  const spec = repositoryJob("keys", { list, entry: { site: KEYS }, constraints: [], passwords, credentials: [] });
  // Without its labels, by which the agent would take it for a job that a killed run had left, and remove it.
  const apart = { ...spec, labels: {}, mounts: spec.mounts.filter(({ kind }) => kind === "tmpfs") };
  const end = await runJob(
    docker,
    { ...apart, env: { STEP: "export", RECIPIENTS: recipients.join(" ") } },
    { signal, progress: report },
  );
  if (end.result?.ok === true) return String(end.result.sealed);
  throw new TerraceError("TERRACE_BACKUP_KEY", "the key could not be sealed", {
    why: String(end.result?.words ?? end.fault ?? end.words.at(-1) ?? "").trim(),
    next: "recipients are age's public keys: age1...",
  });
}

/** What a secret holds. */
async function unsealed(context: BackupContext, secret: SecretRef): Promise<Secret> {
  const { armor, Decrypter, generateIdentity, identityToRecipient } = await import("age-encryption");
  const identity = await generateIdentity();
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const sealed = await seal(context, [secret], [await identityToRecipient(identity)]);
  return new Secret(await decrypter.decrypt(armor.decode(sealed), "text"));
}

/** Does something with the key while nobody else changes it. */
function alone<T>(context: BackupContext, work: (context: BackupContext) => Promise<T>): Promise<T> {
  const { docker, platform } = context;
  return withLock({ ...context, scopes: [BACKUP_KEY] }, async (signal) => {
    // One that a killed run left would hold the key.
    await removeJob(docker, jobName(platform, KEYS));
    return work({ ...context, signal });
  });
}

/**
 * Puts an escrowed password in the place of the one that the cluster has: for a cluster that was made anew. No repository is asked
 * whether it opens with it; but a key that opens backups is not given up for another one.
 *
 * @returns whether the cluster had another one
 * @throws TerraceError `TERRACE_BACKUP_KEY` where the one that it has opens backups, or may do so
 */
export function importKey(context: BackupContext, password: Secret): Promise<boolean> {
  return alone(context, async (own) => {
    const { docker, platform } = own;
    const present = await findSecret(docker, objectName(platform, BACKUP_STACK, PASSWORD));
    if (present !== undefined) {
      const known = await unsealed(own, { id: present.ID, name: present.Spec.Name });
      if (known.reveal() === password.reveal()) return false;
      await requireUnused(own);
    }
    await exchange(own, () => replaceSecret(docker, platform, PASSWORD, password));
    return true;
  });
}

/** Of a site that has good backups where backups go now, the repository is asked whether it opens with the present key. */
async function requireUnused(context: BackupContext): Promise<void> {
  const state = await readBackups(context.docker, context.platform);
  const { sites, repository } = requireList(state, context.platform);
  for (const { site } of sites) {
    const history = state.histories.get(site)?.history;
    if (history === undefined || !hasRepository(history, targetText(repository))) continue;
    const fault = await withRepository(
      context,
      site,
      () => ({ site }),
      async (session) => (await job(session, repositoryJob("list", session), repository)).fault,
    );
    if (fault?.reason === "missing" || fault?.reason === "wrong-password") continue;
    const opens = fault === undefined;
    throw new TerraceError(
      "TERRACE_BACKUP_KEY",
      opens
        ? `the key that the cluster has opens the backups of ${site}, and is not this one`
        : `whether the key that the cluster has opens the backups of ${site} cannot be told: ${fault.says}`,
      {
        why: "with another key they could not be read any more",
        next: opens
          ? "nothing is to be done; with restore --all, leave --key out"
          : "run this again when the place of the backups answers",
      },
    );
  }
}

/** Swarm lets go of no secret that a job uses: all of them are waited for. */
function exchange(context: BackupContext, work: () => Promise<void>): Promise<void> {
  return withLock({ ...context, scopes: [BACKUPS] }, work);
}

/** What became of the repositories: those that have another key, and those of earlier backups that were not found where backups go now. */
export interface Rotated {
  sites: string[];
  left: string[];
}

/**
 * Another password for all repositories. Each gets the new one beside the present one first; only when all have it, the cluster
 * changes over, and only then the old one is taken out. Cut off anywhere, all repositories open on, and doing it again ends it.
 */
export function rotateKey(context: BackupContext): Promise<Rotated> {
  return alone(context, async (own) => {
    const { docker, platform, report } = own;
    const next = await nextPassword(own);
    const state = await readBackups(docker, platform);
    const listed = new Set(requireList(state, platform).sites.map(({ site }) => site));
    const stored = (site: string) =>
      state.histories.get(site)?.history.runs.some(({ action, ok }) => action === "backup" && ok) === true;
    const names = [...new Set([...listed, ...state.histories.keys()])].sort();
    const done: Rotated = { sites: [], left: [] };
    for (const site of names) {
      report(`${site}: add the new key`);
      if (await onRepository(own, site, "add", listed.has(site) && stored(site))) done.sites.push(site);
      else if (stored(site)) done.left.push(site);
    }
    await exchange(own, async () => {
      await replaceSecret(docker, platform, PASSWORD, next);
      await removeSecret(docker, objectName(platform, BACKUP_STACK, NEXT));
    });
    // Also those that were made meanwhile.
    for (const site of names) {
      report(`${site}: take the old key out`);
      await onRepository(own, site, "remove", done.sites.includes(site));
    }
    return done;
  });
}

/** The next password, as a secret beside the present one; where a rotation was cut off, the one that repositories may have by now. */
async function nextPassword(context: BackupContext): Promise<Secret> {
  const { docker, platform } = context;
  const begun = await findSecret(docker, objectName(platform, BACKUP_STACK, NEXT));
  if (begun === undefined) {
    const fresh = new Secret(randomBytes(32).toString("base64url"));
    await replaceSecret(docker, platform, NEXT, fresh);
    return fresh;
  }
  const next = await unsealed(context, { id: begun.ID, name: begun.Spec.Name });
  // Cut off in the very moment of the change, it is the only one left, and all repositories have it.
  const present = await findSecret(docker, objectName(platform, BACKUP_STACK, PASSWORD));
  if (present === undefined) await replaceSecret(docker, platform, PASSWORD, next);
  return next;
}

/** How a repository is missing that is not there, is in a former place or on another node, or has a key of before. */
const LEFT: ReadonlySet<string> = new Set(["missing", "unreachable", "wrong-password"]);

/** Whether the site's repository opened. That of a site that was never backed up here, or is no longer, may be left as it is. */
function onRepository(context: BackupContext, site: string, step: "add" | "remove", strict: boolean): Promise<boolean> {
  const entryOf = () => ({ site });
  return withRepository(context, site, entryOf, async (session) => {
    const { fault } = await job(
      session,
      repositoryJob("keys", session, { env: { STEP: step } }),
      session.list.repository,
    );
    if (!strict && fault !== undefined && LEFT.has(fault.reason)) return false;
    if (fault !== undefined) throw repositoryFault(site, fault);
    const copy = secondPlace(session);
    if (copy !== undefined) {
      const { fault: second } = await job(
        copy,
        repositoryJob("keys", copy, { env: { STEP: step } }),
        copy.list.repository,
      );
      // A copy that was never made has no key to change.
      if (second !== undefined && second.reason !== "missing") throw repositoryFault(site, second);
    }
    return true;
  });
}

async function replaceSecret(docker: Dockerode, platform: string, part: string, value: Secret): Promise<void> {
  const name = objectName(platform, BACKUP_STACK, part);
  const found = await findSecret(docker, name);
  const Labels = found?.Spec.Labels ?? { [LABEL.platform]: platform, [LABEL.keep]: "data" };
  if (found !== undefined) await removeSecret(docker, name);
  const Data = Buffer.from(value.reveal()).toString("base64");
  for (let attempt = 1; ; attempt++) {
    try {
      await call(docker, "POST", "/secrets/create", {}, { Name: name, Data, Labels });
      return;
    } catch (error) {
      // The one before is gone, so a manager that is away for a moment is waited for; an answer that was lost may have been a yes.
      if ((await findSecret(docker, name)) !== undefined) return;
      if (attempt === 10) throw error;
      await sleep(1000);
    }
  }
}

async function removeSecret(docker: Dockerode, name: string): Promise<void> {
  const found = await findSecret(docker, name);
  if (found !== undefined)
    await destroyObject(docker, { kind: "secret", name, id: found.ID }, AbortSignal.timeout(60_000));
}
