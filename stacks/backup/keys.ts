import { randomBytes } from "node:crypto";
import type Dockerode from "dockerode";
import { BACKUP_STACK, PASSWORD, repositoryJob } from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { Secret } from "../../modules/core/secret.ts";
import { call, destroyObject, findSecret, runJob } from "../../modules/docker/index.ts";
import { objectName } from "../../modules/names/index.ts";
import { readBackups, readKeys, requireList } from "./cluster.ts";
import { repositoryFault } from "./restore.ts";
import { type BackupContext, job, withSite } from "./run.ts";

/** The password of all repositories, sealed with age for recipients: Swarm itself never gives a secret back. */
export async function exportKey(context: BackupContext, recipients: string[]): Promise<string> {
  const { docker, platform, signal, report } = context;
  const list = requireList(await readBackups(docker, platform), platform);
  const { passwords } = await readKeys(docker, platform);
  const spec = repositoryJob("keys", { list, entry: { site: "keys" }, constraints: [], passwords, credentials: [] });
  const alone = { ...spec, mounts: spec.mounts.filter(({ kind }) => kind === "tmpfs") };
  const end = await runJob(
    docker,
    { ...alone, env: { STEP: "export", RECIPIENTS: recipients.join(" ") } },
    { signal, progress: report },
  );
  if (end.result?.ok === true) return String(end.result.sealed);
  throw new TerraceError("TERRACE_BACKUP_KEY", "the key could not be sealed", {
    why: String(end.result?.words ?? end.fault ?? end.words.at(-1) ?? "").trim(),
    next: "recipients are age's public keys: age1...",
  });
}

/**
 * Puts an escrowed password in the place of the one that the cluster has: for a cluster that was made anew. No repository is asked
 * whether it opens with it.
 */
export async function importKey(context: BackupContext, password: Secret): Promise<void> {
  await replaceSecret(context.docker, context.platform, PASSWORD, password);
}

/**
 * Another password for all repositories. Each gets the new one beside the present one first; only when all have it, the cluster
 * changes over, and only then the old one is taken out. Cut off anywhere, all repositories open on, and doing it again ends it.
 */
export async function rotateKey(context: BackupContext): Promise<{ sites: string[] }> {
  const { docker, platform, report } = context;
  const list = requireList(await readBackups(docker, platform), platform);
  await heal(context);
  const next = new Secret(randomBytes(32).toString("base64url"));
  const part = `${PASSWORD}-next`;
  // One that an earlier rotation left may be in some repositories by now; it is taken out at the end like any other.
  await replaceSecret(docker, platform, part, next);
  const { histories } = await readBackups(docker, platform);
  const sites = list.sites
    .map(({ site }) => site)
    .filter((site) => histories.get(site)?.history.runs.some(({ action, ok }) => action === "backup" && ok));
  for (const site of sites) {
    report(`${site}: add the new key`);
    await onRepository(context, site, "add");
  }
  await replaceSecret(docker, platform, PASSWORD, next);
  await removeSecret(docker, objectName(platform, BACKUP_STACK, part));
  for (const site of sites) {
    report(`${site}: take the old key out`);
    await onRepository(context, site, "remove");
  }
  return { sites };
}

/** A rotation that was cut off in the very moment of the change left only the next password, which all repositories have by then. */
async function heal(context: BackupContext): Promise<void> {
  const { docker, platform } = context;
  if ((await findSecret(docker, objectName(platform, BACKUP_STACK, PASSWORD))) !== undefined) return;
  const { armor, Decrypter, generateIdentity, identityToRecipient } = await import("age-encryption");
  const identity = await generateIdentity();
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const sealed = await exportKey(context, [await identityToRecipient(identity)]);
  await replaceSecret(docker, platform, PASSWORD, new Secret(await decrypter.decrypt(armor.decode(sealed), "text")));
}

function onRepository(context: BackupContext, site: string, step: "add" | "remove"): Promise<void> {
  return withSite(context, site, async (session) => {
    const { fault } = await job(
      session,
      repositoryJob("keys", session, { env: { STEP: step } }),
      session.list.repository,
    );
    if (fault !== undefined) throw repositoryFault(site, fault);
    if (session.list.copy !== undefined) {
      const copy = {
        ...session,
        list: { ...session.list, repository: session.list.copy },
        credentials: copyCredentials(session.credentials),
      };
      const { fault: second } = await job(
        session,
        repositoryJob("keys", copy, { env: { STEP: step } }),
        session.list.copy,
      );
      // A copy that was never made has no key to change.
      if (second !== undefined && second.reason !== "missing") throw repositoryFault(site, second);
    }
  });
}

function copyCredentials<T extends { file: string }>(credentials: T[]): T[] {
  const second = credentials.filter(({ file }) => file.startsWith("COPY_"));
  return second.map((each) => ({ ...each, file: each.file.slice("COPY_".length) }));
}

async function replaceSecret(docker: Dockerode, platform: string, part: string, value: Secret): Promise<void> {
  const name = objectName(platform, BACKUP_STACK, part);
  const found = await findSecret(docker, name);
  const Labels = found?.Spec.Labels ?? { [LABEL.platform]: platform, [LABEL.keep]: "data" };
  if (found !== undefined) await removeSecret(docker, name);
  const Data = Buffer.from(value.reveal()).toString("base64");
  await call(docker, "POST", "/secrets/create", {}, { Name: name, Data, Labels });
}

async function removeSecret(docker: Dockerode, name: string): Promise<void> {
  const found = await findSecret(docker, name);
  if (found !== undefined)
    await destroyObject(docker, { kind: "secret", name, id: found.ID }, AbortSignal.timeout(60_000));
}
