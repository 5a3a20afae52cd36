import type { PoolState } from "../modules/capacity/index.ts";
import type { TerraceError } from "../modules/core/errors.ts";
import type { EdgeModel, RouteDiff } from "../modules/edge/index.ts";
import type { Change, LiveIndex } from "../modules/engine/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import type { Site, SiteState } from "../modules/site/index.ts";
import type { ServiceDraft } from "../modules/site/service.ts";
import type { EdgeInputs } from "./edge/edge.ts";
import type { ImageRef, PlatformImages } from "./images.ts";
import type { VolumePlan } from "./volumes.ts";

/** One site as it is wanted on the day of the run. */
export interface SitePlan {
  site: Site;
  state: SiteState;
  stack: string;
  draft: ServiceDraft;
  image: ImageRef | undefined;
  changes: Change[];
  /** Its service is still on its way, or not all of its tasks run: an earlier run was cut off, or it fails. */
  unsettled: boolean;
  /** Why the site can't be deployed, found while planning: others go on without it. */
  fault: TerraceError | undefined;
}

/** All that a run will do, and all that it needs to do it. */
export interface Plan {
  platform: Platform;
  images: PlatformImages;
  live: LiveIndex;
  /** Of the stack `platform`. */
  base: Change[];
  /** Of stacks beside the platform's own. */
  extras: Change[];
  sites: SitePlan[];
  /** Inputs of the stack `edge` when every site comes up. */
  edge: EdgeInputs;
  edgeChanges: Change[];
  /** Stacks of sites that have neither a file nor a service any more. */
  leftovers: Change[];
  /** The routes that the edge has now. */
  liveModel: EdgeModel | undefined;
  routes: RouteDiff[];
  /** The pool as it was found; `undefined` where no service changes. */
  pool: PoolState | undefined;
  /** Volumes that services find, or get empty. */
  volumes: VolumePlan[];
  /** What to know before it is carried out, each a sentence. */
  warnings: string[];
}

/** Every change of a plan, in the order in which they are made. */
export function allChanges(plan: Plan): Change[] {
  return [
    ...plan.base,
    ...plan.extras,
    ...plan.sites.flatMap(({ changes }) => changes),
    ...plan.edgeChanges,
    ...plan.leftovers,
  ];
}

/** Whether there is nothing to change. */
export function isEmpty(plan: Plan): boolean {
  return allChanges(plan).length === 0 && plan.routes.length === 0;
}
