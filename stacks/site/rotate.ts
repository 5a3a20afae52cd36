import type Dockerode from "dockerode";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { type Login, loginLabels, loginOf } from "../../modules/database/login.ts";
import {
  call,
  changeObject,
  findSecret,
  get,
  type LiveDatabase,
  listDatabases,
  type RawContent,
  type RawService,
  runJob,
} from "../../modules/docker/index.ts";
import { ownerLabels } from "../../modules/engine/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { USER } from "../parts.ts";

/** What rotating the login of one site's database needs. The caller holds the site's lock. */
export interface RotateContext {
  docker: Dockerode;
  platform: string;
  site: string;
  signal: AbortSignal;
  /** One line for people. */
  report(line: string): void;
}

const MIB = 2 ** 20;

/**
 * Gives a site's database a second login with this password; the one before goes on being accepted. From here on the next plan of
 * the site is to use the new one.
 *
 * @throws TerraceError `TERRACE_NO_DATABASE`, `TERRACE_DATABASE_LOGIN`; then all is as it was
 */
export async function offerLogin(context: RotateContext, password: Secret): Promise<{ before: Login; after: Login }> {
  const { docker, platform, site, report } = context;
  const database = await liveDatabase(context);
  const before = database.login;
  // The owner is the login with an even number.
  const owner = before.number % 2 === 0 ? before.user : before.user.replace(/_b$/, "");
  const after = loginOf(platform, site, owner, before.number + 1);
  await removeSecret(docker, after.secret);
  const labels = {
    ...ownerLabels({ platform, stack: siteStack(site) }, ""),
    ...loginLabels(site, database, after),
    // Without a number nothing uses it yet.
    [LABEL.databaseLogin]: "offered",
  };
  report(`create secret ${after.secret}`);
  await call(
    docker,
    "POST",
    "/secrets/create",
    {},
    {
      Name: after.secret,
      Labels: labels,
      Data: Buffer.from(password.reveal()).toString("base64"),
    },
  );
  try {
    report(`let ${after.user} in to the database`);
    await loginJob(context, database, ["accept", after.user, owner], after.secret);
    await setNumber(docker, after.secret, String(after.number));
  } catch (error) {
    await removeSecret(docker, after.secret);
    throw error;
  }
  return { before, after };
}

/**
 * Takes a login back that the site could not be brought up with: the next plan uses the one before again. Where the site's service
 * has it all the same, because only what comes after the containers failed or was cut off, both logins stay.
 */
export async function withdrawLogin(context: RotateContext, after: Login): Promise<void> {
  if (await isInUse(context, after.secret)) {
    context.report(`${context.site} runs with the new login: both are let in; \`terrace up ${context.site}\` goes on`);
    return;
  }
  await setNumber(context.docker, after.secret, "withdrawn");
  await shutOut(context, after);
  // Tasks that are still being rolled back may hold it; the next rotation removes it then.
  await removeSecret(context.docker, after.secret).catch(() => undefined);
}

/**
 * Whether a site's service is to run with a Swarm secret: Swarm puts the specification before back the moment a rollback begins.
 *
 * @param secret its name
 */
export async function isInUse(
  { docker, platform, site }: Pick<RotateContext, "docker" | "platform" | "site">,
  secret: string,
): Promise<boolean> {
  const name = objectName(platform, siteStack(site), "web");
  const found = (await get<RawService[] | null>(docker, "/services", { filters: { name: [name] } })) ?? [];
  const service = found.find(({ Spec }) => Spec.Name === name);
  const container = service?.Spec.TaskTemplate?.ContainerSpec as { Secrets?: { SecretName: string }[] } | undefined;
  return container?.Secrets?.some(({ SecretName }) => SecretName === secret) === true;
}

/** Shuts a login out that nothing uses any more, and removes its secret. */
export async function dropLogin(context: RotateContext, before: Login): Promise<void> {
  await shutOut(context, before);
  // The first one is mounted where the server is made from; it opens nothing any more.
  if (before.number > 0) await removeSecret(context.docker, before.secret);
}

async function shutOut(context: RotateContext, { user }: Login): Promise<void> {
  context.report(`shut ${user} out of the database`);
  await loginJob(context, await liveDatabase(context), ["refuse", user]);
}

async function liveDatabase({ docker, platform, site }: RotateContext): Promise<LiveDatabase> {
  const found = (await listDatabases(docker, platform)).find((each) => each.site === site);
  if (found !== undefined) return found;
  throw new TerraceError("TERRACE_NO_DATABASE", `the database of ${site} does not run`, {
    where: `site-configs/${site}.yaml`,
    next: `terrace up ${site}`,
  });
}

async function loginJob(
  { docker, platform, site, signal }: RotateContext,
  database: LiveDatabase,
  args: string[],
  password?: string,
): Promise<void> {
  const secrets = [
    { name: database.admin, file: "admin" },
    ...(password ? [{ name: password, file: "password" }] : []),
  ];
  const withIds = await Promise.all(secrets.map(async (each) => ({ ...each, id: await secretId(docker, each.name) })));
  const end = await runJob(
    docker,
    {
      ...{ platform, stack: siteStack(site), args, image: database.image, user: USER },
      name: objectName(platform, siteStack(site), "db-login"),
      command: ["/usr/local/bin/login"],
      env: { DATABASE_NAME: database.database },
      hostname: "login",
      capabilities: [],
      mounts: [{ kind: "tmpfs", target: "/tmp", size: MIB }],
      secrets: withIds,
      networks: [database.network],
      constraints: [],
      memory: 64 * MIB,
      labels: {},
    },
    { signal, progress: () => undefined },
  );
  if (end.code === 0) return;
  throw new TerraceError("TERRACE_DATABASE_LOGIN", `the logins of the database of ${site} could not be changed`, {
    where: database.service,
    why: [end.fault, ...end.words.slice(-5)].filter(Boolean).join("\n") || `the job ended with ${end.code}`,
    next: `terrace status ${site}; then run this again`,
  });
}

async function secretId(docker: Dockerode, name: string): Promise<string> {
  const found = await findSecret(docker, name);
  if (found !== undefined) return found.ID;
  throw new TerraceError("TERRACE_DATABASE_LOGIN", `the secret ${name} is gone`, {
    why: "somebody removed it by hand",
    next: "terrace plan",
  });
}

async function setNumber(docker: Dockerode, name: string, number: string): Promise<void> {
  const found = await findSecret(docker, name);
  if (found === undefined) throw new Error(`the secret ${name} is gone`);
  await changeObject<RawContent>(docker, `/secrets/${found.ID}`, ({ Spec }) => {
    return { ...Spec, Labels: { ...Spec.Labels, [LABEL.databaseLogin]: number } };
  });
}

async function removeSecret(docker: Dockerode, name: string): Promise<void> {
  const found = await findSecret(docker, name);
  if (found !== undefined) await call(docker, "DELETE", `/secrets/${found.ID}`);
}
