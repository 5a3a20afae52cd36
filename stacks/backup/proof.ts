import type { LiveDatabase, Proving } from "../../modules/backup/index.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { DATABASE_HOST, DATABASE_PART } from "../../modules/database/index.ts";
import { loginOf } from "../../modules/database/login.ts";
import { call, destroyObject, findSecret, get, removeJob } from "../../modules/docker/index.ts";
import { namespaceOf, objectName, siteStack } from "../../modules/names/index.ts";
import { volumeObject } from "../../modules/serve/index.ts";
import { serviceNamed } from "./cluster.ts";
import type { RepositorySession, Session } from "./run.ts";
import { removeVolumes } from "./volumes.ts";

/** Names of all that a proof makes. They follow from the site's, so that what a killed proof left is found by the next one. */
export interface Proof {
  site: string;
  network: string;
  /** Of each volume of the site the one that stands in for it. */
  volumes: { volume: string; proof: string }[];
  web: string;
  database: string;
  databaseVolume: string;
}

export function proofOf(platform: string, site: string, { volumes }: Pick<Proving, "volumes">): Proof {
  const name = (part: string) => objectName(platform, "backup", `proof-${site}-${part}`);
  return {
    site,
    network: name("net"),
    volumes: volumes.map((volume) => ({ volume, proof: name(`v-${volume.replace("@", "")}`) })),
    web: name("web"),
    database: name("db"),
    databaseVolume: name("dbv"),
  };
}

interface Spec {
  Name: string;
  Labels?: Record<string, string>;
  TaskTemplate: {
    ContainerSpec: {
      Image: string;
      Env?: string[];
      Labels?: Record<string, string>;
      Mounts?: { Type: string; Source?: string; Target: string; ReadOnly?: boolean; VolumeOptions?: object }[];
      Secrets?: { SecretName: string; SecretID: string; File: object }[];
      Healthcheck?: { Interval?: number; Retries?: number };
    };
    Networks?: { Target: string; Aliases?: string[] }[];
    Resources?: { Limits?: object; Reservations?: object };
    Placement?: { Constraints?: string[] };
  };
  Mode: object;
}

/** The specification of a live service, on a network and on volumes of the proof's own. It reserves nothing. */
function cloneOf(
  session: Session,
  live: Spec,
  name: string,
  network: string,
  alias: string,
  volumes: Map<string, string>,
): Spec {
  const { platform } = session.context;
  const labels = { [LABEL.platform]: platform, [LABEL.namespace]: namespaceOf(platform, "backup") };
  const { TaskTemplate: task } = live;
  const container = task.ContainerSpec;
  const own = { Labels: { [LABEL.platform]: platform } };
  const mounts = (container.Mounts ?? []).map((mount) =>
    mount.Type === "volume"
      ? { ...mount, Source: volumes.get(mount.Source ?? "") ?? `${name}-extra`, VolumeOptions: own }
      : mount,
  );
  return {
    ...live,
    Name: name,
    Labels: { ...labels, "terrace.proof": session.entry.site },
    TaskTemplate: {
      ...task,
      ContainerSpec: {
        ...container,
        Labels: labels,
        Mounts: mounts,
        Healthcheck: container.Healthcheck && impatient(container.Healthcheck),
      },
      Networks: [{ Target: network, Aliases: [alias] }],
      Resources: { Limits: task.Resources?.Limits ?? {} },
      // Where the volumes of the proof are.
      Placement: { ...task.Placement, Constraints: session.constraints },
    },
    Mode: { Replicated: { Replicas: 1 } },
  };
}

const SECOND = 1e9;

/** A check that is made each second, and fails no sooner: nobody else waits for these containers, but the proof does. */
function impatient(check: { Interval?: number; Retries?: number }) {
  const { Interval = 30 * SECOND, Retries = 3 } = check;
  return { ...check, Interval: SECOND, Retries: Retries * Math.max(1, Math.ceil(Interval / SECOND)) };
}

async function create({ context }: Session, spec: Spec): Promise<string> {
  return (await call<{ ID: string }>(context.docker, "POST", "/services/create", {}, spec)).ID;
}

/** A database of the site's own kind, empty, with the login that the site's was made with. */
export async function cloneDatabase(
  session: Session,
  proof: Proof,
): Promise<{ id: string; login: Omit<LiveDatabase, "network"> }> {
  const { context, entry, live } = session;
  const { docker, platform } = context;
  const stack = siteStack(entry.site);
  const service = await serviceNamed(docker, objectName(platform, stack, DATABASE_PART.service));
  if (service === undefined || live.database === undefined) throw new Error(`${entry.site} has no database`);
  const spec = service.Spec as unknown as Spec;
  const volumes = new Map([[objectName(platform, stack, DATABASE_PART.volume), proof.databaseVolume]]);
  const id = await create(session, cloneOf(session, spec, proof.database, proof.network, DATABASE_HOST, volumes));
  const owner = spec.TaskTemplate.ContainerSpec.Env?.find((each) => each.startsWith("DATABASE_USER="))?.slice(
    "DATABASE_USER=".length,
  );
  const first = loginOf(platform, entry.site, owner ?? live.database.user, 0);
  return { id, login: { ...live.database, user: first.user, password: await secretRef(session, first.secret) } };
}

/**
 * The site itself, on the restored volumes and beside the restored database.
 *
 * @param login what the database beside it knows: the one that it was made with, not one that took over from that
 */
export async function cloneSite(
  session: Session,
  proof: Proof,
  login: Pick<LiveDatabase, "user" | "password"> | undefined,
): Promise<string | undefined> {
  const { context, entry, live } = session;
  const { docker, platform } = context;
  const stack = siteStack(entry.site);
  const service = await serviceNamed(docker, objectName(platform, stack, "web"));
  if (service === undefined) return undefined;
  const volumes = new Map(
    proof.volumes.map(({ volume, proof: name }) => {
      return [volumeObject(platform, entry.site, { name: volume, nfs: entry.nfs?.[volume] }).source, name];
    }),
  );
  const spec = cloneOf(session, service.Spec as unknown as Spec, proof.web, proof.network, proof.web, volumes);
  const container = spec.TaskTemplate.ContainerSpec;
  const content = proof.volumes.find(({ volume }) => volume === "@content");
  if (content !== undefined) {
    container.Mounts?.push({ Type: "volume", Source: content.proof, Target: "/srv/www", ReadOnly: true });
  }
  const now = live.database;
  if (now !== undefined && login !== undefined) {
    const { id, name } = login.password;
    container.Secrets = container.Secrets?.map((each) =>
      each.SecretName === now.password.name ? { ...each, SecretName: name, SecretID: id } : each,
    );
    container.Env = container.Env?.map((each) =>
      each.endsWith(`=${now.user}`) ? each.replace(/=.*/, `=${login.user}`) : each,
    );
  }
  return create(session, spec);
}

async function secretRef({ context }: Session, name: string): Promise<{ name: string; id: string }> {
  const secret = await findSecret(context.docker, name);
  if (secret === undefined) throw new Error(`the secret ${name} is gone`);
  return { name, id: secret.ID };
}

/** Removes all that a proof made; what is not there is fine. */
export async function removeProof(session: RepositorySession, proof: Proof): Promise<void> {
  const { docker } = session.context;
  for (const name of [proof.web, proof.database]) await removeJob(docker, name);
  const networks = await get<{ Id: string; Name: string }[]>(docker, "/networks", {
    filters: { name: [proof.network] },
  });
  for (const { Id, Name } of networks) {
    if (Name === proof.network) {
      await destroyObject(docker, { kind: "network", name: Name, id: Id }, AbortSignal.timeout(60_000));
    }
  }
  const volumes = [...proof.volumes.map(({ proof: name }) => name), proof.databaseVolume];
  if (!(await removeVolumes(session, volumes))) throw new Error("volumes of the proof were left on the site's node");
}
