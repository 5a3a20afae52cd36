import { apply } from "./apply.ts";
import { backup } from "./backup.ts";
import type { Command } from "./cli/command.ts";
import { destroy } from "./destroy.ts";
import { docs } from "./docs.ts";
import { lock } from "./lock.ts";
import { logs } from "./logs.ts";
import { open } from "./open.ts";
import { plan } from "./plan.ts";
import { pool } from "./pool.ts";
import { restore } from "./restore.ts";
import { secret } from "./secret.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";
import { trust } from "./trust.ts";
import { up } from "./up.ts";
import { validate } from "./validate.ts";

/** Every command, in the order of the help. */
export const commands: Command[] = [
  validate,
  plan,
  apply,
  up,
  status,
  backup,
  restore,
  secret,
  logs,
  open,
  pool,
  trust,
  lock,
  destroy,
  start,
  docs,
];
