import { expect, test } from "vitest";
import { mergeEntries } from "../../modules/backup/index.ts";
import { backupEntry } from "../support/backup-entry.ts";

const merged = (files: string[], live: string[], only: string[], broken: string[] = []) =>
  mergeEntries(
    files.map((site) => backupEntry({ site, schedule: "new" })),
    live.map((site) => backupEntry({ site, schedule: "old" })),
    { known: files, only, broken },
  ).map(({ site, schedule }) => `${site} ${schedule}`);

test("a run about some sites changes nothing of the others, and adds none that was never deployed", () => {
  expect(merged(["gejiu", "luxi", "mengzi"], ["gejiu", "luxi"], ["gejiu"])).toEqual(["gejiu new", "luxi old"]);
  expect(merged(["gejiu", "mengzi"], ["gejiu"], ["mengzi"])).toEqual(["gejiu old", "mengzi new"]);
});

test("a run about all takes what the files say, and keeps what a broken file says no more", () => {
  expect(merged(["gejiu", "mengzi"], ["gejiu", "luxi"], [])).toEqual(["gejiu new", "mengzi new"]);
  expect(merged(["gejiu"], ["gejiu", "luxi"], [], ["luxi"])).toEqual(["gejiu new", "luxi old"]);
});
