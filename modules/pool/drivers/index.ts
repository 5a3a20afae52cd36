import type { DriverName } from "../types.ts";
import type { PoolDriver } from "./driver.ts";
import { libvirt } from "./libvirt/index.ts";
import { local } from "./local/index.ts";
import { ssh } from "./ssh/index.ts";

export type { DriverFinding, PoolDriver, TypedPool } from "./driver.ts";

/** Every driver by its name. */
export const drivers: Readonly<Record<DriverName, PoolDriver>> = { local, ssh, libvirt };
