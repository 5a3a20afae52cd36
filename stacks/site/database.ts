import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { LABEL } from "../../modules/core/labels.ts";
import { randomSecret } from "../../modules/core/secret.ts";
import { DATABASE_HOST, DATABASE_PART, type DatabasePart, FACTS } from "../../modules/database/index.ts";
import { type Login, loginLabels, loginOf } from "../../modules/database/login.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { homeConstraint } from "../../modules/pool/index.ts";
import type { ImageRef } from "../images.ts";
import {
  hardened,
  imageResource,
  labelList,
  logDriver,
  resources,
  restartPolicy,
  scratch,
  secretFile,
  serviceLabels,
  tmpfs,
  USER,
} from "../parts.ts";

export interface DatabaseInputs {
  /** The node on whose disk its data is; `undefined` where there is one node. */
  home?: string;
  platform: string;
  site: string;
  part: DatabasePart;
  image: ImageRef;
  /** Whether what it says to the site is encrypted between nodes. */
  encrypted: boolean;
  /** What the site logs in with now; `undefined` where its database is yet to be made. */
  login: Login | undefined;
}

/** How long a database may take to come up: it may have a log of the last hours to go through. */
const PATIENCE = "5m";
/** How long it may take to write all down when it is stopped. */
const GRACE = "60s";

/** One site's database: its network, its passwords, and the one server that writes to the volume. */
export class Database extends pulumi.ComponentResource {
  /** What the site's own service has to wait for. */
  readonly ready: pulumi.Resource[];
  readonly network: string;
  readonly login: Login;
  readonly #inputs: DatabaseInputs;

  constructor(name: string, inputs: DatabaseInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Database", name, {}, opts);
    this.#inputs = inputs;
    const { platform, site, part } = inputs;
    const first = loginOf(platform, site, part.user, 0);
    this.login = inputs.login ?? first;
    this.network = this.#name(DATABASE_PART.network);
    const options = inputs.encrypted ? { encrypted: "" } : undefined;
    const network = new docker.Network(
      "internal",
      { name: this.network, driver: "overlay", attachable: true, internal: true, options },
      { parent: this },
    );
    const admin = this.#password(DATABASE_PART.admin, {
      [LABEL.site]: site,
      [LABEL.keep]: "data",
      [LABEL.database]: part.engine,
      [LABEL.databaseName]: part.database,
    });
    const password = this.#password(DATABASE_PART.password, loginLabels(site, part, first));
    const image = imageResource("database-image", inputs.image, { parent: this });
    const server = this.#server(admin.name, password.name, [network, admin.secret, password.secret, image]);
    this.ready = [network, password.secret, server];
    this.registerOutputs({});
  }

  #name(part: string): string {
    return objectName(this.#inputs.platform, siteStack(this.#inputs.site), part);
  }

  /** Made once: another one would lock everybody out of the data. */
  #password(part: string, labels: Record<string, string>): { name: string; secret: docker.Secret } {
    const name = this.#name(part);
    const data = pulumi.secret(Buffer.from(randomSecret().reveal()).toString("base64"));
    const options = { parent: this, ignoreChanges: ["data", "labels"] };
    return { name, secret: new docker.Secret(part, { name, data, labels: labelList(labels) }, options) };
  }

  #server(admin: string, password: string, dependsOn: pulumi.Resource[]): docker.Service {
    const { part, image, site, home } = this.#inputs;
    const facts = FACTS[part.engine];
    return new docker.Service(
      "db",
      {
        name: this.#name(DATABASE_PART.service),
        labels: serviceLabels({
          [LABEL.site]: site,
          [LABEL.database]: part.engine,
          [LABEL.databaseName]: part.database,
          [LABEL.databaseUser]: this.login.user,
        }),
        taskSpec: {
          containerSpec: {
            image: image.reference,
            ...hardened,
            env: {
              DATABASE_NAME: part.database,
              DATABASE_USER: part.user,
              DATABASE_MEMORY: String(part.memory),
            },
            mounts: [scratch(64), tmpfs(facts.sockets, 1), this.#volume(facts.folder)],
            // The first password also where the site has another one by now: a change here would restart the server.
            secrets: [secretFile("password", password, USER), secretFile("admin", admin, USER)],
            healthcheck: {
              tests: ["CMD", ...facts.health],
              interval: "5s",
              // A busy server answers late, and to end it for that would make things worse.
              timeout: "15s",
              startPeriod: PATIENCE,
              retries: 6,
            },
            stopGracePeriod: GRACE,
          },
          networksAdvanceds: [{ name: this.network, aliases: [DATABASE_HOST] }],
          resources: resources(part.memory, 1),
          restartPolicy,
          logDriver,
          placement: home === undefined ? undefined : { constraints: [homeConstraint(home)] },
        },
        mode: { replicated: { replicas: 1 } },
        // Two servers must never write to one volume: the old one goes first.
        updateConfig: { order: "stop-first", parallelism: 1, failureAction: "rollback", monitor: "5s" },
        rollbackConfig: { order: "stop-first", parallelism: 1, failureAction: "pause", monitor: "5s" },
        endpointSpec: { mode: "dnsrr" },
        convergeConfig: { timeout: PATIENCE },
      },
      { parent: this, dependsOn },
    );
  }

  #volume(target: string) {
    const { platform, site } = this.#inputs;
    const labels = labelList({
      [LABEL.platform]: platform,
      [LABEL.stack]: siteStack(site),
      [LABEL.site]: site,
      [LABEL.database]: this.#inputs.part.engine,
    });
    return { type: "volume", source: this.#name(DATABASE_PART.volume), target, volumeOptions: { labels } };
  }
}
