import { randomBytes } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { BACKUP_STACK, type BackupList, encodeList, LIST, PASSWORD } from "../../modules/backup/index.ts";
import { canonicalJson, secretHash, shortHash } from "../../modules/core/hash.ts";
import type { Secret } from "../../modules/core/secret.ts";
import { contentName, objectName } from "../../modules/names/index.ts";
import type { ImageRef } from "../images.ts";
import { imageResource, labelList } from "../parts.ts";
import { CREDENTIAL } from "./cluster.ts";

export interface BackupInputs {
  list: BackupList;
  images: { backup: ImageRef };
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
}

/** The program of the stack `backup`. */
export function backupProgram(inputs: BackupInputs): () => void {
  return () => void new Backup("backup", inputs);
}
