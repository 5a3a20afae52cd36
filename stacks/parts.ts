import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { LABEL } from "../modules/core/labels.ts";
import type { ImageRef } from "./images.ts";

/** The user that everything of ours runs as. */
export const USER = "10001:10001";

/** Limit of processes and threads of a container. */
const PIDS = 256;

const MIB = 1024 * 1024;

/** The provider's list form of labels. */
export function labelList(labels: Record<string, string>): { label: string; value: string }[] {
  return Object.entries(labels).map(([label, value]) => ({ label, value }));
}

/** Labels of a service: what is Terrace's own reading of it, beside the ownership labels that the engine adds. */
export function serviceLabels(labels: Record<string, string> = {}): { label: string; value: string }[] {
  return labelList({ ...labels, [LABEL.pids]: String(PIDS) });
}

/** What every container gets: no root, no capability, a read-only root with a small `/tmp`, an init that reaps and forwards signals. */
export const hardened = {
  user: USER,
  readOnly: true,
  init: true,
  capDrops: ["ALL"],
};

/** A tmpfs on `/tmp`; its pages count to the container's memory limit. */
export function scratch(mebibytes = 16): {
  type: string;
  target: string;
  tmpfsOptions: { sizeBytes: number; mode: number };
} {
  return tmpfs("/tmp", mebibytes);
}

/** A folder in memory that everybody in the container may write to. */
export function tmpfs(
  target: string,
  mebibytes: number,
): { type: string; target: string; tmpfsOptions: { sizeBytes: number; mode: number } } {
  return { type: "tmpfs", target, tmpfsOptions: { sizeBytes: mebibytes * MIB, mode: 0o1777 } };
}

/** A secret of the cluster by name as the file `/run/secrets/FILE`, which only `user` (`uid:gid`) can read. */
export function secretFile(fileName: string, secretName: string, user: string) {
  const [fileUid, fileGid] = user.split(":");
  return { secretId: secretName, secretName, fileName, fileUid, fileGid, fileMode: 0o400 };
}

/** Logs that can't fill the disk: 3 files of 10 MB a container. */
export const logDriver = { name: "json-file", options: { "max-size": "10m", "max-file": "3" } };

/** Limits and the reservation that Swarm places by. Memory in bytes, cpu in cores. */
export function resources(memory: number, cpu: number): { limits: object; reservation: object } {
  return { limits: { memoryBytes: memory, nanoCpus: Math.round(cpu * 1e9) }, reservation: { memoryBytes: memory } };
}

/** Tasks that end are started again, for ever. */
export const restartPolicy = { condition: "any", delay: "2s" };

/** New before old, one at a time; a new task that fails puts the old version back. */
export function rolling(monitor = "2s") {
  return {
    updateConfig: { order: "start-first", parallelism: 1, failureAction: "rollback", monitor },
    rollbackConfig: { order: "start-first", parallelism: 1, failureAction: "pause", monitor },
  };
}

/** An image that must be there: one of ours is built where it is missing, any other is pulled. */
export function imageResource(
  name: string,
  { reference, build }: ImageRef,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Resource {
  if (build === undefined) return new docker.RemoteImage(name, { name: reference, keepLocally: true }, opts);
  return new docker.Image(name, { imageName: reference, build, skipPush: true }, opts);
}
