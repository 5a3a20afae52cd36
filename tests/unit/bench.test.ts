import { expect, test } from "vitest";
import { median } from "../bench/measure.ts";
import { parseOptions } from "../bench/options.ts";
import { compareSizes } from "../bench/real.ts";
import { type Result, resultTable, verdict } from "../bench/report.ts";

const result = (more: Partial<Result>): Result => ({ what: "it", value: 100, unit: "ms", ...more });

test("a budget is held by the value, by what is held against it, or as the least", () => {
  const budget = { limit: 100, text: "<= 100 ms" };
  expect(verdict(result({}))).toBe("");
  expect(verdict(result({ budget }))).toBe("ok");
  expect(verdict(result({ budget, value: 101 }))).toBe("over");
  expect(verdict(result({ budget, against: 101 }))).toBe("over");
  expect(verdict(result({ budget: { ...budget, atLeast: true }, value: 99 }))).toBe("over");
});

test("the table shows the peer and the ratio", () => {
  const text = resultTable([result({ value: 2500, peer: { name: "bare", value: 1000 } })]);
  expect(text.split("\n")[1]?.split(/ {2,}/)).toEqual(["it", "2.50 s", "bare 1.00 s", "2.50 x"]);
});

test("one more site is compared between the smallest and the largest platform", () => {
  const of = (count: number, value: number) =>
    result({ what: `one new site beside ${count}: saved -> HTTPS 200`, value });
  const [compared] = compareSizes([of(15, 2000), of(200, 3000)], [15, 200]);
  expect(compared).toMatchObject({ value: 1.5, unit: "ratio" });
  expect(compareSizes([of(15, 2000)], [15])).toEqual([]);
});

test("the median of an even count lies between the two in the middle", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

test("wrong options are refused with the usage", () => {
  expect(() => parseOptions(["--only", "speed"])).toThrow("there is no bench speed\nnpm run bench");
  expect(() => parseOptions(["--sites", "1"])).toThrow("1 is no whole number from 2 to 400");
  expect(parseOptions(["--sites", "15,200", "--quick"])).toMatchObject({ sites: [15, 200], rounds: 1 });
});
