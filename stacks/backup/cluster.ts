import type Dockerode from "dockerode";
import {
  BACKUP_STACK,
  type BackupEntry,
  type BackupHistory,
  type BackupList,
  decodeList,
  LIST,
  type LiveSite,
  PASSWORD,
  type SecretRef,
} from "../../modules/backup/index.ts";
import { TerraceError } from "../../modules/core/errors.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { DATABASE_HOST, DATABASE_PART } from "../../modules/database/index.ts";
import { currentLogin } from "../../modules/database/login.ts";
import { call, changeObject, get, isBroken, type RawContent, type RawService } from "../../modules/docker/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";

/** On the config that holds a site's history. */
const HISTORY = "terrace.backup.history";
const HISTORY_SITE = "terrace.backup.site";
/** On the secrets that the places ask for: the name by which platform.yaml calls them. */
export const CREDENTIAL = "terrace.backup.credential";
/** Where they are named. */
export const CREDENTIALS_KEY = "platform.yaml, backup.credentials";

/** What one bulk read says of a platform's backups. */
export interface BackupState {
  list: BackupList | undefined;
  /** When the list was made. */
  made: Date | undefined;
  histories: Map<string, StoredHistory>;
}

interface StoredHistory {
  id: string;
  history: BackupHistory;
}

/** Reads the list of what is backed up and all histories with one call. Writes nothing. */
export async function readBackups(docker: Dockerode, platform: string): Promise<BackupState> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  return stateOf(platform, (await get<RawContent[] | null>(docker, "/configs", { filters })) ?? []);
}

export function stateOf(platform: string, configs: RawContent[]): BackupState {
  const lists = configs.filter(
    ({ Spec }) => Spec.Labels?.[LABEL.stack] === BACKUP_STACK && Spec.Labels[LABEL.urn]?.endsWith(`::${LIST}`),
  );
  const newest = lists.toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))[0];
  const data = newest?.Spec.Data;
  const list = data === undefined ? undefined : decodeList(Buffer.from(data, "base64"));
  const histories = configs.flatMap((config): [string, StoredHistory][] => {
    const { [HISTORY_SITE]: site, [HISTORY]: text } = config.Spec.Labels ?? {};
    if (site === undefined || text === undefined || config.Spec.Labels?.[LABEL.platform] !== platform) return [];
    return [[site, { id: config.ID, history: JSON.parse(text) as BackupHistory }]];
  });
  return { list, made: newest && new Date(newest.CreatedAt), histories: new Map(histories) };
}

/**
 * The list of what is backed up.
 *
 * @throws TerraceError `TERRACE_NO_BACKUPS` where the platform has none
 */
export function requireList(state: BackupState, platform: string): BackupList {
  if (state.list !== undefined) return state.list;
  throw new TerraceError("TERRACE_NO_BACKUPS", `the platform ${platform} makes no backups`, {
    where: "platform.yaml, backup",
    next: "name a place for them (backup: { repository: /var/lib/terrace/backups }), then `terrace up`",
  });
}

/** @throws TerraceError `TERRACE_NOT_BACKED_UP` */
export function requireEntry(list: BackupList, site: string): BackupEntry {
  const entry = list.sites.find((each) => each.site === site);
  if (entry !== undefined) return entry;
  throw new TerraceError("TERRACE_NOT_BACKED_UP", `${site} is not backed up`, {
    why: `on the list that \`terrace up\` makes are: ${list.sites.map((each) => each.site).join(", ") || "none"}; a site with \`backup: none\`, retired, or without a file is not`,
    next: "take `backup: none` or `retire` out of its file, or bring the file back, then `terrace up`; or read what is stored of it with restic: docs/guides/backup.md, By hand",
  });
}

export function emptyHistory(site: string, since: Date): BackupHistory {
  return { site, since: since.toISOString(), runs: [] };
}

/**
 * Stores a site's history: one small config whose labels can be changed in place. Its only writer holds the site's lock.
 *
 * @param fresh only where there is none yet: that needs no lock
 */
export async function writeHistory(
  docker: Dockerode,
  platform: string,
  history: BackupHistory,
  fresh = false,
): Promise<void> {
  const { site } = history;
  const name = objectName(platform, BACKUP_STACK, `history-${site}`);
  const owner = { [LABEL.platform]: platform, [LABEL.keep]: "data" };
  const Labels = { ...owner, [HISTORY_SITE]: site, [HISTORY]: JSON.stringify(history) };
  for (let attempt = 1; ; attempt++) {
    try {
      const found = (await get<RawContent[] | null>(docker, "/configs", { filters: { name: [name] } }))?.find(
        ({ Spec }) => Spec.Name === name,
      );
      if (found === undefined) {
        await call(
          docker,
          "POST",
          "/configs/create",
          {},
          { Name: name, Data: Buffer.from("history").toString("base64"), Labels },
        );
      } else if (!fresh) {
        await changeObject<RawContent>(docker, `/configs/${found.ID}`, ({ Spec }) => ({ ...Spec, Labels }));
      }
      return;
    } catch (error) {
      const again = isBroken(error) || /out of sequence|already exists/.test(String(error));
      if (!again || attempt === 10) throw error;
    }
  }
}

/** The repository's passwords, the current one first, and what the places ask for. */
export async function readKeys(
  docker: Dockerode,
  platform: string,
): Promise<{ passwords: SecretRef[]; credentials: (SecretRef & { file: string })[] }> {
  const filters = { label: [`${LABEL.platform}=${platform}`] };
  const secrets = (await get<RawContent[] | null>(docker, "/secrets", { filters })) ?? [];
  const current = objectName(platform, BACKUP_STACK, PASSWORD);
  const names = [current, objectName(platform, BACKUP_STACK, `${PASSWORD}-next`)];
  const passwords = names.flatMap((name) =>
    secrets.filter(({ Spec }) => Spec.Name === name).map(({ ID, Spec }) => ({ id: ID, name: Spec.Name })),
  );
  if (passwords.length === 0) {
    throw new TerraceError("TERRACE_NO_BACKUP_KEY", "the repository's password is not in the cluster", {
      where: `secret ${current}`,
      next: "`terrace backup key import FILE` brings an escrowed one back; where there are no backups yet, `terrace up` makes one",
    });
  }
  const credentials = secrets
    .toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt))
    .flatMap(({ ID, Spec }) => {
      const file = Spec.Labels?.[CREDENTIAL];
      return file === undefined ? [] : [{ id: ID, name: Spec.Name, file }];
    });
  // While a credential is replaced there are two of its name: the newest is meant.
  const newest = credentials.filter((each, index) => credentials.findIndex(({ file }) => file === each.file) === index);
  return { passwords, credentials: newest };
}

type Placed = RawService & {
  Spec: { TaskTemplate?: { Placement?: { Constraints?: string[] }; ContainerSpec?: { Image?: string } } };
};

/** What the cluster says of a site: where it runs, from which image, and its database. */
export async function readLiveSite(docker: Dockerode, platform: string, site: string): Promise<LiveSite> {
  const stack = siteStack(site);
  const [web, db] = await Promise.all([
    serviceNamed(docker, objectName(platform, stack, "web")),
    serviceNamed(docker, objectName(platform, stack, DATABASE_PART.service)),
  ]);
  return {
    constraints: web?.Spec.TaskTemplate?.Placement?.Constraints ?? [],
    image: web?.Spec.TaskTemplate?.ContainerSpec?.Image,
    database: db === undefined ? undefined : await databaseOf(docker, platform, site, db),
  };
}

export async function serviceNamed(docker: Dockerode, name: string): Promise<Placed | undefined> {
  const found = await get<Placed[] | null>(docker, "/services", { filters: { name: [name] } });
  return found?.find(({ Spec }) => Spec.Name === name);
}

async function databaseOf(
  docker: Dockerode,
  platform: string,
  site: string,
  db: Placed,
): Promise<LiveSite["database"]> {
  const stack = siteStack(site);
  const labels = db.Spec.Labels ?? {};
  const filters = { label: [`${LABEL.platform}=${platform}`, `${LABEL.site}=${site}`] };
  const secrets = (await get<RawContent[] | null>(docker, "/secrets", { filters })) ?? [];
  const login = currentLogin(secrets.map(({ Spec }) => ({ name: Spec.Name, labels: Spec.Labels ?? {} })));
  const password = secrets.find(({ Spec }) => Spec.Name === login?.secret);
  if (login === undefined || password === undefined) return undefined;
  return {
    engine: labels[LABEL.database] === "mariadb" ? "mariadb" : "postgres",
    host: DATABASE_HOST,
    name: labels[LABEL.databaseName] ?? "",
    user: login.user,
    network: objectName(platform, stack, DATABASE_PART.network),
    constraints: db.Spec.TaskTemplate?.Placement?.Constraints ?? [],
    password: { name: login.secret, id: password.ID },
  };
}
