import { expect, test } from "vitest";
import { charts } from "../bench/charts.ts";
import { median } from "../bench/measure.ts";
import { parseOptions } from "../bench/options.ts";
import { compareSizes } from "../bench/real.ts";
import { missed, type Result, resultTable, verdict } from "../bench/report.ts";
import { barChart } from "../bench/svg.ts";

const result = (more: Partial<Result>): Result => ({ what: "it", value: 100, unit: "ms", ...more });

test("a budget is held by the value, by what is held against it, or as the least", () => {
  const budget = { limit: 100, text: "<= 100 ms" };
  expect(verdict(result({}))).toBe("");
  expect(verdict(result({ budget }))).toBe("ok");
  expect(verdict(result({ budget, value: 101 }))).toBe("over");
  expect(verdict(result({ budget, against: 101 }))).toBe("over");
  expect(verdict(result({ budget: { ...budget, atLeast: true }, value: 99 }))).toBe("over");
});

test("what is over its budget is named", () => {
  const budget = { limit: 100, text: "<= 100 ms" };
  expect(missed([result({ what: "free" }), result({ budget }), result({ what: "slow", budget, value: 101 })])).toEqual([
    "slow",
  ]);
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

test("plots show what was measured, by number of sites, and what was not is left out", () => {
  const peer = (name: string, value: number) => ({ name, value });
  const deploy = (count: number, value: number, by: ReturnType<typeof peer>) =>
    result({ what: `${count} sites from nothing: terrace up`, value, peer: by });
  const drawn = charts([
    deploy(200, 80_000, peer("bare creates", 70_000)),
    deploy(15, 6_000, peer("bare creates", 3_000)),
    deploy(15, 6_000, peer("stack deploy", 4_000)),
  ]);
  expect(drawn.map(({ file }) => file)).toEqual(["deploy.svg"]);
  expect(drawn[0]?.chart).toMatchObject({
    places: ["15 sites", "200 sites"],
    series: [{ values: [6, 80] }, { values: [4, undefined] }, { values: [3, 70] }],
  });
});

test("a chart is well-formed, its bars as high as their values", () => {
  const series = [{ name: "a < b & c", values: [5, 10, undefined] }];
  const svg = barChart({ title: "T", unit: "s", places: ["x", "y", "z"], series, limit: { value: 8, name: "most" } });
  const heights = [...svg.matchAll(/<rect x="[^"]+" y="[^"]+" width="[^"]+" height="([\d.]+)" fill="#2a6f97"/g)];
  expect(heights.map(([, height]) => Number(height)).slice(0, 2)).toEqual([129, 258]);
  expect(svg).toContain("a &lt; b &amp; c");
  expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length);
});

test("the median of an even count lies between the two in the middle", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

test("wrong options are refused with the usage", () => {
  expect(() => parseOptions(["--only", "speed"])).toThrow("there is no bench speed\nnpm run bench");
  expect(() => parseOptions(["--sites", "1"])).toThrow("1 is no whole number from 2 to 400");
  expect(() => parseOptions(["results.json"])).toThrow("files belong to --render, and to nothing else");
  expect(parseOptions(["--render", "a.json", "b.json"]).render).toEqual(["a.json", "b.json"]);
  expect(parseOptions(["--sites", "15,200", "--quick"])).toMatchObject({ sites: [15, 200], rounds: 1, quick: true });
});
