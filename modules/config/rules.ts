import { backupCopyApart, backupCopyKeys, backupKeepsNone, backupNotRun, backupShared } from "../backup/rules.ts";
import { databaseClash, databaseVolume } from "../database/rules.ts";
import { duplicateDomain } from "../domains/rules.ts";
import { onePortal } from "../identity/rules.ts";
import { poolRules } from "../pool/rules.ts";
import { duplicateRedirect, redirectLoop, redirectToRetired, unreachedRedirect } from "../redirects/rules.ts";
import { poolMemory, scaleWithoutService } from "../scale/rules.ts";
import { sharedVariable } from "../secrets/rules.ts";
import { contentFolder, duplicateName, volumeReplicas } from "../serve/rules.ts";
import type { Rule } from "./types.ts";

/** Every rule that needs more than one key, more than one file, or the facts. */
export const rules: readonly Rule[] = [
  duplicateDomain,
  onePortal,
  contentFolder,
  duplicateName,
  sharedVariable,
  volumeReplicas,
  databaseClash,
  databaseVolume,
  scaleWithoutService,
  poolMemory,
  duplicateRedirect,
  unreachedRedirect,
  redirectLoop,
  redirectToRetired,
  backupNotRun,
  backupKeepsNone,
  ...poolRules,
  backupCopyApart,
  backupCopyKeys,
  backupShared,
];
