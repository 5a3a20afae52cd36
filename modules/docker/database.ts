import type Dockerode from "dockerode";
import { LABEL } from "../core/labels.ts";
import { DATABASE_PART, type DatabaseEngine, ENGINES } from "../database/index.ts";
import { currentLogin, type Login } from "../database/login.ts";
import { objectName, siteStack } from "../names/index.ts";
import { get } from "./call.ts";
import type { RawContent, RawService } from "./read.ts";

/** The database of a site as it runs in the cluster. */
export interface LiveDatabase {
  site: string;
  engine: DatabaseEngine;
  /** The name of the database within its server. */
  database: string;
  /** What the site logs in with now: its user, and the Swarm secret with the password. */
  login: Login;
  /** The Swarm secret with the password of the server's administrator (`postgres`, `root`). */
  admin: string;
  service: string;
  /** The image that the server runs; the engine's own programs are in it. */
  image: string;
  network: string;
  volume: string;
}

/** Every database of a platform's sites, sorted by site: read from the labels of what runs. */
export async function listDatabases(docker: Dockerode, platform: string): Promise<LiveDatabase[]> {
  const filters = { label: [`${LABEL.platform}=${platform}`, LABEL.database] };
  const [services, secrets] = await Promise.all([
    get<RawService[] | null>(docker, "/services", { filters }),
    get<RawContent[] | null>(docker, "/secrets", { filters }),
  ]);
  const records = (secrets ?? []).map(({ Spec }) => ({ name: Spec.Name, labels: Spec.Labels ?? {} }));
  const found = (services ?? []).flatMap(({ Spec }): LiveDatabase[] => {
    const labels = Spec.Labels ?? {};
    const site = labels[LABEL.site] ?? "";
    const engine = ENGINES.find((each) => each === labels[LABEL.database]);
    const login = currentLogin(records.filter((each) => each.labels[LABEL.site] === site));
    if (engine === undefined || login === undefined) return [];
    const named = (part: string) => objectName(platform, siteStack(site), part);
    return [
      {
        ...{ site, engine, login, service: Spec.Name },
        database: labels[LABEL.databaseName] ?? "",
        admin: named(DATABASE_PART.admin),
        image: Spec.TaskTemplate?.ContainerSpec?.Image ?? "",
        network: named(DATABASE_PART.network),
        volume: named(DATABASE_PART.volume),
      },
    ];
  });
  return found.toSorted((a, b) => (a.site < b.site ? -1 : 1));
}
