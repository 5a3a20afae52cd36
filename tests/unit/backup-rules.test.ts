import { expect, test } from "vitest";
import { backupRules, platformBackup, siteBackup } from "../../modules/backup/index.ts";

const context = { name: "shop", domain: "honghe.localhost", typed: {} };
const platform = platformBackup.resolve({ repository: "/backups", keep: { monthly: 60, yearly: 7 } }, context);

test("a site that says how many of one kind are kept keeps as many of the others as the platform says", () => {
  const rules = backupRules(platform, siteBackup.resolve({ keep: { daily: 30 } }, context));
  expect(rules?.keep).toEqual({ last: 3, daily: 30, weekly: 4, monthly: 60, yearly: 7 });
});

test("a site that says nothing of it keeps what the platform says", () => {
  const rules = backupRules(platform, siteBackup.resolve({ smallest: "1MiB" }, context));
  expect(rules).toMatchObject({ keep: platform.keep, smallest: 2 ** 20, schedule: "15 2 * * *" });
});
