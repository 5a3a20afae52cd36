import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { LABEL } from "../../modules/core/labels.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { databaseEnv } from "../../modules/database/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { homeConstraint } from "../../modules/pool/index.ts";
import { volumeObject } from "../../modules/serve/index.ts";
import type { ServiceDraft, VolumePart } from "../../modules/site/service.ts";
import type { ImageRef } from "../images.ts";
import {
  hardened,
  imageResource,
  labelList,
  logDriver,
  resources,
  restartPolicy,
  rolling,
  scratch,
  secretFile,
  serviceLabels,
} from "../parts.ts";
import { Database, type DatabaseInputs } from "./database.ts";
import { siteSecretName } from "./secret-name.ts";

export interface SiteInputs {
  platform: string;
  site: string;
  title: string;
  draft: ServiceDraft;
  /** Absent where the site has no service of its own. */
  image: ImageRef | undefined;
  /** Values of the secrets that the draft names. */
  secrets: Record<string, Secret>;
  /** Absent where the site has no database. */
  database: DatabaseInputs | undefined;
  /** Node labels over whose values the containers are spread. */
  spread: string[];
  /** The node on whose disk its data is; `undefined` where it has none of its own, or there is one node. */
  home?: string;
}

/** One site: its image, its secrets and its service. */
export class Site extends pulumi.ComponentResource {
  readonly #inputs: SiteInputs;

  constructor(name: string, inputs: SiteInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Site", name, {}, opts);
    this.#inputs = inputs;
    if (inputs.image !== undefined) this.#service(inputs.image);
    this.registerOutputs({});
  }

  #service(image: ImageRef): void {
    const { platform, site, title, draft } = this.#inputs;
    const built = imageResource("image", image, { parent: this });
    const database = this.#database();
    const secrets = Object.entries(this.#inputs.secrets).map(([name, value]) => this.#secret(name, value));
    new docker.Service(
      "web",
      {
        name: objectName(platform, siteStack(site), "web"),
        labels: serviceLabels({ [LABEL.site]: site, "terrace.title": title }),
        taskSpec: {
          containerSpec: {
            image: image.reference,
            ...hardened,
            user: draft.user,
            args: draft.command,
            env: { ...database?.env, ...draft.env },
            mounts: [scratch(), ...draft.volumes.map((volume) => this.#mount(volume))],
            secrets: [
              ...secrets.map(({ name, secret }) => ({
                ...secretFile(name, "", draft.user),
                secretId: secret.id,
                secretName: secret.name,
              })),
              ...(database?.secrets ?? []),
            ],
            healthcheck: draft.health && {
              tests: draft.health.test,
              interval: `${draft.health.interval}ms`,
              timeout: `${draft.health.timeout}ms`,
              startPeriod: `${draft.health.start}ms`,
              retries: draft.health.retries,
            },
            stopGracePeriod: "20s",
          },
          networksAdvanceds: [{ name: objectName(platform, "platform", "edge") }, ...(database?.networks ?? [])],
          resources: resources(draft.memory, draft.cpu),
          restartPolicy,
          logDriver,
          ...placement(this.#inputs),
        },
        mode: { replicated: { replicas: draft.replicas } },
        ...rolling(),
        endpointSpec: { mode: "dnsrr" },
      },
      { parent: this, dependsOn: [built, ...secrets.map(({ secret }) => secret), ...(database?.ready ?? [])] },
    );
  }

  /** The site's database, and what its own service needs to reach it. */
  #database() {
    const { database: inputs, draft } = this.#inputs;
    if (inputs === undefined) return undefined;
    const { ready, network, login } = new Database("database", inputs, { parent: this });
    return {
      ready,
      env: databaseEnv(inputs.part, login.user),
      secrets: [secretFile(inputs.part.secret, login.secret, draft.user)],
      networks: [{ name: network }],
    };
  }

  #secret(name: string, value: Secret): { name: string; secret: docker.Secret } {
    const { platform, site } = this.#inputs;
    const data = pulumi.secret(Buffer.from(value.reveal()).toString("base64"));
    const inSwarm = siteSecretName(platform, site, name, value);
    return { name, secret: new docker.Secret(name, { name: inSwarm, data }, { parent: this }) };
  }

  #mount(volume: VolumePart) {
    const { platform, site } = this.#inputs;
    const { source, options } = volumeObject(platform, site, volume);
    const labels = labelList({ [LABEL.platform]: platform, [LABEL.stack]: siteStack(site), [LABEL.site]: site });
    // What the image has in that folder is not copied to a server that others write to as well.
    const remote = options && { driverName: "local", driverOptions: options, noCopy: true };
    return { type: "volume", source, target: volume.path, volumeOptions: { labels, ...remote } };
  }
}

/** Swarm puts containers of one service on as many nodes as it can by itself; a preference does the same for what a label tells. */
function placement({ spread, home, draft: { replicas, volumes } }: SiteInputs): { placement?: object } {
  // Only what has a volume there is bound to it: a site whose data is in its database runs anywhere.
  if (home !== undefined && volumes.some(({ nfs }) => nfs === undefined))
    return { placement: { constraints: [homeConstraint(home)] } };
  if (spread.length === 0 || replicas < 2) return {};
  return { placement: { prefs: spread.map((label) => `spread=node.labels.${label}`) } };
}

/** The program of the stack `site-NAME`. */
export function siteProgram(inputs: SiteInputs): () => void {
  return () => void new Site(inputs.site, inputs);
}
