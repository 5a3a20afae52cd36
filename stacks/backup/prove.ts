import {
  type BackupRun,
  compareJob,
  type LiveDatabase,
  loadJob,
  repositoryJob,
  restoreJob,
  type StoredBackup,
  targetText,
  type Verdict,
  visitJob,
  volumeMounts,
} from "../../modules/backup/index.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { call, converge, type JobMount } from "../../modules/docker/index.ts";
import { writeHistory } from "./cluster.ts";
import { readingPlace } from "./places.ts";
import { cloneDatabase, cloneSite, type Proof, proofOf, removeProof } from "./proof.ts";
import { choose } from "./restore.ts";
import { type BackupContext, job, recorded, type Session, withSite } from "./run.ts";
import { contentVolume, removeVolumes } from "./volumes.ts";

/** How long the throwaway database or site may take to come up, in ms. */
const PATIENCE = 180_000;

/**
 * Restores the newest backup into throwaway volumes and services on a network that leads nowhere: verifies each file against the
 * checksums of the repository, compares it with the live one where that did not change, loads the database and counts its tables and
 * rows, starts the site on all that and asks for its home page. Removes all of it then, whatever happened. The site itself notices nothing.
 *
 * @param fromCopy the backup is read at the second place
 */
export function proveSite(context: BackupContext, site: string, fromCopy = false): Promise<BackupRun> {
  return withSite(context, site, (session) => {
    const place = readingPlace(session, fromCopy);
    const where = fromCopy ? { place: targetText(place.list.repository) } : {};
    const work = async () => {
      const from = await choose(place, { site, at: undefined });
      const proof = await note(session, fromCopy);
      try {
        await removeProof(session, proof);
        return { backup: from.backup, ...(await prove(place, proof, from)) };
      } finally {
        await clear(session, proof);
      }
    };
    return recorded(session, fromCopy ? "prove-copy" : "prove", work, where);
  });
}

/** Whoever has the site next finds by this what a proof left that was killed, and removes it. */
async function note(session: Session, fromCopy: boolean): Promise<Proof> {
  const { context, entry } = session;
  const volumes = [...entry.volumes, ...(entry.content ? ["@content"] : [])];
  const proving = { began: new Date().toISOString(), volumes, ...(fromCopy ? { copy: fromCopy } : {}) };
  session.history = { ...session.history, proving };
  await writeHistory(context.docker, context.platform, session.history);
  return proofOf(context.platform, entry.site, proving);
}

/** Also where the run is stopped. What cannot be removed just now changes nothing about what was found; the next run removes it. */
async function clear(session: Session, proof: Proof): Promise<void> {
  const { context } = session;
  const { proving, ...history } = session.history;
  try {
    await removeProof({ ...session, context: { ...context, signal: AbortSignal.timeout(PATIENCE) } }, proof);
    session.history = history;
  } catch (error) {
    if (proving !== undefined) session.history = { ...history, proving: { ...proving, told: true } };
    const why = error instanceof Error ? error.message : String(error);
    context.report(`${proof.site}: what the proof had made could not be removed, which the next run does: ${why}`);
  }
}

type Found = Pick<BackupRun, "bytes" | "files" | "tables"> & { fault?: Verdict | undefined };

async function prove(session: Session, proof: Proof, from: StoredBackup): Promise<Found> {
  const { context, list, entry, live } = session;
  const found: Found = {};
  if (entry.database !== undefined && (from.database === undefined || live.database === undefined)) {
    const says =
      from.database === undefined ? `${from.backup} holds no dump of its database` : "its database does not run";
    return { fault: { reason: "different", says } };
  }
  if (proof.volumes.length > 0) {
    const { result, fault } = await proveFiles(session, proof, from);
    if (fault !== undefined) return { fault };
    Object.assign(found, { bytes: Number(result.bytes), files: Number(result.files) });
  }
  if (proof.volumes.length === 0 && from.database === undefined) {
    const about = repositoryJob("list", session, { env: { ABOUT_SNAPSHOT: from.files } });
    return { ...found, fault: (await job(session, about, list.repository)).fault };
  }
  const network = {
    Name: proof.network,
    Driver: "overlay",
    Internal: true,
    Attachable: true,
    Labels: { [LABEL.platform]: list.platform },
  };
  await call(context.docker, "POST", "/networks/create", {}, network);
  let login: Pick<LiveDatabase, "user" | "password"> | undefined;
  if (from.database !== undefined && live.database !== undefined) {
    const database = await cloneDatabase(session, proof);
    login = database.login;
    context.report(`${entry.site}: start a database beside it`);
    const slow = await converge(context.docker, database.id, PATIENCE, context.signal);
    if (slow !== undefined)
      return { fault: { reason: "failed", says: `the database beside it did not start: ${slow.why}` } };
    const spec = loadJob(
      session,
      { ...database.login, network: proof.network },
      { files: from.files, dump: from.database },
    );
    const { result, fault } = await job(session, spec, list.repository);
    if (fault !== undefined) return { fault };
    found.tables = result.tables as Record<string, number>;
  }
  return { ...found, fault: await proveAnswer(session, proof, login) };
}

async function proveFiles(session: Session, proof: Proof, from: StoredBackup) {
  const { list, entry } = session;
  const names = proof.volumes.map(({ volume }) => volume);
  const labels = { [LABEL.platform]: list.platform };
  const at = (folder: string, readOnly: boolean): JobMount[] =>
    proof.volumes.map(({ volume, proof: source }) => ({
      kind: "volume",
      source,
      target: `${folder}/${volume}`,
      readOnly,
      labels,
    }));
  const ask = { snapshot: from.files, volumes: names, path: "" };
  const fetched = await job(
    session,
    restoreJob(session, { ...ask, step: "fetch", mounts: at("/data/volumes", false) }),
    list.repository,
  );
  if (fetched.fault !== undefined) return fetched;
  const content = await contentVolume(session);
  try {
    const pages: JobMount[] =
      content === undefined
        ? []
        : [{ kind: "volume", source: content, target: "/data/volumes/@content", readOnly: true }];
    const mounts = [...at("/data/restored", true), ...volumeMounts(list.platform, entry, true), ...pages];
    const compared = await job(session, compareJob(session, names, mounts), list.repository);
    if (compared.fault !== undefined) return compared;
  } finally {
    if (content !== undefined) await removeVolumes(session, [content]);
  }
  const swapped = await job(
    session,
    restoreJob(session, { ...ask, step: "swap", mounts: at("/data/volumes", false) }),
    list.repository,
  );
  return { result: fetched.result, fault: swapped.fault };
}

async function proveAnswer(
  session: Session,
  proof: Proof,
  login: Pick<LiveDatabase, "user" | "password"> | undefined,
): Promise<Verdict | undefined> {
  const { context, list, entry } = session;
  const id = await cloneSite(session, proof, login);
  if (id === undefined) return { reason: "failed", says: "the site has no service to start beside it" };
  context.report(`${entry.site}: start the site beside itself`);
  const slow = await converge(context.docker, id, PATIENCE, context.signal);
  if (slow !== undefined) {
    const log = slow.log.at(-1);
    return {
      reason: "no-answer",
      says: `on the restored data the site does not come up: ${slow.why}${log === undefined ? "" : ` (${log})`}`,
    };
  }
  return (await job(session, visitJob(session, proof.network, proof.web), list.repository)).fault;
}
