import type Dockerode from "dockerode";
import { LABEL } from "../modules/core/labels.ts";
import { get, isLocal, type RawMount } from "../modules/docker/index.ts";
import type { Change } from "../modules/engine/index.ts";
import { stackSite } from "../modules/names/index.ts";
import type { VolumePlaces } from "../modules/nodes/index.ts";
import { homeOf, isJoined, type Pool } from "../modules/pool/index.ts";

/** A volume on a node's disk that a service gets which did not have it. Docker makes it with the service's first task. */
export interface VolumePlan {
  stack: string;
  name: string;
  /** It is there from before, with its data, on the node that the service is bound to; else it is made, and empty. */
  kept: boolean;
}

export interface VolumeRequest {
  docker: Dockerode;
  platform: string;
  pool: Pool;
  changes: Change[];
  /** Where the platform's volumes are, in a pool of several servers. */
  places(): Promise<VolumePlaces>;
  /** Is told what the operator should know. */
  warn(sentence: string): void;
}

/** Which volumes a plan's services find, and which they get empty. Reads nothing where no service gets one. */
export async function plannedVolumes(request: VolumeRequest): Promise<VolumePlan[]> {
  const wanted = request.changes.flatMap((change) => newVolumes(change).map((name) => ({ change, name })));
  if (wanted.length === 0) return [];
  const there = await existing(request);
  return wanted.flatMap(({ change, name }): VolumePlan[] => {
    const kept = there(name, homeOf(placementOf(change)));
    // It may be on a server that was not asked.
    if (kept === undefined) return [];
    const site = stackSite(change.stack);
    if (!kept && site !== undefined && change.action === "create" && change.reason === "drift")
      request.warn(
        `${site}: its service was removed by hand, and its volume ${name} is gone, too: it comes up empty. Its last backup is put back by: terrace restore ${site}`,
      );
    return [{ stack: change.stack, name, kept }];
  });
}

/** Names of the volumes that a service has after a change, and did not have before. */
function newVolumes({ kind, desired, live }: Change): string[] {
  if (kind !== "service" || desired === undefined) return [];
  const before = new Set(volumesOf(live?.spec));
  return volumesOf(desired.spec).filter((name) => !before.has(name));
}

function volumesOf(spec: object | undefined): string[] {
  type Spec = { TaskTemplate?: { ContainerSpec?: { Mounts?: (RawMount & { Source?: string })[] | null } } };
  const mounts = (spec as Spec | undefined)?.TaskTemplate?.ContainerSpec?.Mounts ?? [];
  return mounts.filter(isLocal).flatMap(({ Source }) => Source ?? []);
}

function placementOf({ desired }: Change): string[] | null | undefined {
  type Spec = { TaskTemplate?: { Placement?: { Constraints?: string[] | null } } };
  return (desired?.spec as Spec | undefined)?.TaskTemplate?.Placement?.Constraints;
}

/** Whether a volume is there: on the node that its service is bound to, or on any one; `undefined` where that is not known. */
type There = (volume: string, home: string | undefined) => boolean | undefined;

async function existing(request: VolumeRequest): Promise<There> {
  if (isJoined(request.pool)) {
    const { nodes, unseen } = await request.places();
    return (volume, home) => {
      const on = nodes.get(volume) ?? [];
      if (home === undefined ? on.length > 0 : on.includes(home)) return true;
      return (home === undefined ? unseen.length > 0 : unseen.includes(home)) ? undefined : false;
    };
  }
  const filters = { label: [`${LABEL.platform}=${request.platform}`] };
  const { Volumes } = await get<{ Volumes: { Name: string }[] | null }>(request.docker, "/volumes", { filters });
  const names = new Set((Volumes ?? []).map(({ Name }) => Name));
  return (volume) => names.has(volume);
}
