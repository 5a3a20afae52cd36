import { platformBackup } from "../backup/index.ts";
import { networks } from "../networks/index.ts";
import { pins } from "../pins/index.ts";
import { pool } from "../pool/index.ts";
import { ports } from "../ports/index.ts";
import { secretSources } from "../secrets/index.ts";
import { tls } from "../tls/index.ts";
import { platformDomain, platformName } from "./identity.ts";

/** Every key of `platform.yaml`, in the order of the reference. */
export const platformConcerns = [
  platformName,
  platformDomain,
  ports,
  networks,
  pool,
  tls,
  platformBackup,
  secretSources,
  pins,
] as const;
