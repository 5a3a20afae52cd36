import type { ClusterObjects } from "../modules/docker/index.ts";
import type { Program } from "../modules/engine/index.ts";
import type { Platform } from "../modules/platform/index.ts";
import type { Site } from "../modules/site/index.ts";
import { backupService } from "./backup/service.ts";
import type { PlatformImages } from "./images.ts";
import { registryService } from "./registry/source.ts";

/** A stack's program, loaded only where it must run, and the plain data that decides what it wants. */
export interface StackSource {
  stack: string;
  /** `undefined` where it must not be remembered. */
  inputs: unknown;
  program(): Promise<Program>;
}

/** What a service of the platform may look at to decide what it wants. */
export interface ServiceContext {
  /** The workspace's folder. */
  root: string;
  platform: Platform;
  /** Every site whose file can be read, whichever of them this run is about. */
  sites: Site[];
  /** The day of the run, `YYYY-MM-DD`. */
  date: string;
  images: PlatformImages;
  /** Sites that this run is about; all where it is empty. */
  only: string[];
  /** What the platform has in the cluster now. */
  live: ClusterObjects;
}

/** A service of the platform's own beside its edge. Its stack is brought up before the sites. */
export interface PlatformService {
  stack: string;
  /** `undefined` where this platform needs it not, or no longer: what is live of it is then removed. */
  source(context: ServiceContext): Promise<StackSource | undefined>;
}

/** Every service of the platform's own, in the order in which they come up. */
export const platformServices: readonly PlatformService[] = [registryService, backupService];
