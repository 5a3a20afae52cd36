import { expect, test } from "vitest";
import { formatMinute } from "../../modules/core/time.ts";
import { dateOf, formatDuration, formatSize, isDate, parseDuration, parseSize } from "../../modules/units/index.ts";

test.each([
  ["64MiB", 67108864],
  ["1.5GiB", 1610612736],
  ["1KiB", 1024],
  ["2TiB", 2199023255552],
  ["64", undefined],
  ["64MB", undefined],
  ["64 MiB", undefined],
  ["-1MiB", undefined],
  ["1e3MiB", undefined],
  ["99999999999TiB", undefined],
  ["", undefined],
])("size %s is %s bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each([
  [67108864, "64MiB"],
  [1610612736, "1.5GiB"],
  [1024, "1KiB"],
  [1000000000, "953.7MiB"],
  [10, "0KiB"],
])("%s bytes are shown as %s", (bytes, text) => expect(formatSize(bytes)).toBe(text));

test.each([
  ["30s", 30_000],
  ["500ms", 500],
  ["5m", 300_000],
  ["2h", 7_200_000],
  ["1d", 86_400_000],
  ["30", undefined],
  ["1.5s", undefined],
  ["s", undefined],
  ["30 s", undefined],
])("duration %s is %s ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  [90_000, "90s"],
  [3_600_000, "1h"],
  [1500, "1500ms"],
  [0, "0ms"],
])("%s ms are shown as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

test.each([
  ["2027-01-05", true],
  ["2028-02-29", true],
  ["2027-02-29", false],
  ["2027-1-5", false],
  ["2027-13-01", false],
])("date %s: %s", (text, good) => expect(isDate(text)).toBe(good));

test("the day of an instant is the local one", () => {
  expect(dateOf(new Date(2027, 0, 5, 23, 59))).toBe("2027-01-05");
});

test("a moment is told to the minute", () => expect(formatMinute("2026-11-28T08:07:59.123Z")).toBe("2026-11-28 08:07"));
