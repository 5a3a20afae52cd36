import { randomBytes } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { BACKUP_STACK, type BackupList, encodeList, LIST, PASSWORD } from "../../modules/backup/index.ts";
import { canonicalJson, secretHash, shortHash } from "../../modules/core/hash.ts";
import { LABEL } from "../../modules/core/labels.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { contentName, objectName } from "../../modules/names/index.ts";
import type { ImageRef } from "../images.ts";
import {
  hardened,
  imageResource,
  labelList,
  logDriver,
  resources,
  restartPolicy,
  scratch,
  serviceLabels,
} from "../parts.ts";
import { CREDENTIAL } from "./cluster.ts";

export interface BackupInputs {
  list: BackupList;
  images: { backup: ImageRef; agent: ImageRef };
  /** What the places ask for, by name. */
  credentials: Record<string, Secret>;
}

/** What backups need: the image that jobs run from, the password of the repositories, what is backed up, and the agent. */
export class Backup extends pulumi.ComponentResource {
  readonly #inputs: BackupInputs;

  constructor(name: string, inputs: BackupInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Backup", name, {}, opts);
    this.#inputs = inputs;
    imageResource("backup", inputs.images.backup, { parent: this });
    this.#secrets();
    this.#list();
    this.#agent();
    this.registerOutputs({});
  }

  #secrets(): void {
    const { platform } = this.#inputs.list;
    // Made once: with another password no repository opens.
    new docker.Secret(
      PASSWORD,
      {
        name: objectName(platform, BACKUP_STACK, PASSWORD),
        data: pulumi.secret(Buffer.from(randomBytes(32).toString("base64url")).toString("base64")),
        labels: labelList({ [LABEL.keep]: "data" }),
      },
      { parent: this, ignoreChanges: ["data", "labels"] },
    );
    for (const [name, value] of Object.entries(this.#inputs.credentials)) {
      const part = `credential-${name.toLowerCase().replaceAll("_", "-")}`;
      const hash = secretHash(`${platform}/backup/${name}`, value.reveal());
      new docker.Secret(
        part,
        {
          name: contentName(platform, BACKUP_STACK, part, hash),
          data: pulumi.secret(Buffer.from(value.reveal()).toString("base64")),
          labels: labelList({ [CREDENTIAL]: name }),
        },
        { parent: this },
      );
    }
  }

  /** No service mounts it: the agent reads it over Docker's API, so that a change of a site's file restarts nothing. */
  #list(): void {
    const { list } = this.#inputs;
    const hash = shortHash(canonicalJson(list));
    new docker.ServiceConfig(
      LIST,
      { name: contentName(list.platform, BACKUP_STACK, LIST, hash), data: encodeList(list).toString("base64") },
      { parent: this },
    );
  }

  /** On a manager, for it works through Docker's API. It is on no network of the platform, and nothing listens in it. */
  #agent(): void {
    const { list, images } = this.#inputs;
    const built = imageResource("agent-image", images.agent, { parent: this });
    new docker.Service(
      "agent",
      {
        name: objectName(list.platform, BACKUP_STACK, "agent"),
        labels: serviceLabels({ [LABEL.images]: images.backup.reference }),
        taskSpec: {
          containerSpec: {
            image: images.agent.reference,
            ...hardened,
            // The socket is its owner's, and this is the only thing that root can do here.
            user: "0:0",
            args: ["backup", "agent"],
            env: { TERRACE_PLATFORM: list.platform },
            mounts: [scratch(), { type: "bind", source: "/var/run/docker.sock", target: "/var/run/docker.sock" }],
            stopGracePeriod: "60s",
          },
          resources: resources(AGENT_MEMORY, 0.5),
          placement: { constraints: ["node.role==manager"] },
          restartPolicy,
          logDriver,
        },
        mode: { replicated: { replicas: 1 } },
        // Two at a time would do no harm, for each site has a lock; but one is enough.
        updateConfig: { order: "stop-first", parallelism: 1, failureAction: "rollback", monitor: "2s" },
        rollbackConfig: { order: "stop-first", parallelism: 1, failureAction: "pause", monitor: "2s" },
        endpointSpec: { mode: "dnsrr" },
      },
      { parent: this, dependsOn: [built] },
    );
  }
}

const AGENT_MEMORY = 192 * 2 ** 20;

/** The program of the stack `backup`. */
export function backupProgram(inputs: BackupInputs): () => void {
  return () => void new Backup("backup", inputs);
}
