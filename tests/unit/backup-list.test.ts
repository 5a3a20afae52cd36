import { expect, test } from "vitest";
import { type BackupEntry, mergeEntries } from "../../modules/backup/index.ts";

const entry = (site: string, schedule: string): BackupEntry => ({
  site,
  schedule,
  keep: { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  prove: "never",
  shrink: 50,
  smallest: 1024,
  content: false,
  volumes: ["data"],
  database: undefined,
  port: 8080,
  host: `${site}.example.cn`,
  file: "",
});

const merged = (files: string[], live: string[], only: string[], broken: string[] = []) =>
  mergeEntries(
    files.map((site) => entry(site, "new")),
    live.map((site) => entry(site, "old")),
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
