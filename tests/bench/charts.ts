import type { Result } from "./report.ts";
import type { Chart } from "./svg.ts";

/** Which plots the documentation has, from what was measured; one without data is left out. */
export function charts(results: Result[]): { file: string; chart: Chart }[] {
  const all = [
    { file: "plan.svg", chart: plans(results) },
    { file: "deploy.svg", chart: deploys(results) },
    { file: "one-site.svg", chart: oneSite(results) },
    { file: "edge.svg", chart: edge(results) },
  ];
  return all.filter(({ chart }) => chart.places.length > 0);
}

/** Results whose name is `before N after`, by N, smallest first. */
function bySites(results: Result[], before: string, after: string, peer?: string): [number, Result][] {
  const found = results.flatMap((each): [number, Result][] => {
    if (!each.what.startsWith(before) || !each.what.endsWith(after)) return [];
    if (peer !== undefined && each.peer?.name !== peer) return [];
    const middle = each.what.slice(before.length, each.what.length - after.length);
    return /^\d+$/.test(middle) ? [[Number(middle), each]] : [];
  });
  return found.sort(([a], [b]) => a - b);
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

function plans(results: Result[]): Chart {
  const real = bySites(results, "plan, no change, ", " real sites");
  const simulated = bySites(results, "plan, no change, ", " simulated sites: wall");
  const rows = [...real, ...simulated];
  return {
    title: "A plan that finds no change",
    unit: "seconds, logarithmic; from the start of the process to its end",
    places: rows.map(([count], index) => `${count.toLocaleString("en")} ${index < real.length ? "real" : "simulated"}`),
    series: [
      { name: "terrace plan", values: rows.map(([, { value }]) => seconds(value)) },
      { name: "docker stack deploy, each site", values: rows.map(([, { peer }]) => seconds(peer?.value)) },
    ],
    limit: { value: 1, name: "budget at 1,000 simulated sites" },
    logarithmic: true,
  };
}

function deploys(results: Result[]): Chart {
  const bare = bySites(results, "", " sites from nothing: terrace up", "bare creates");
  const stack = new Map(bySites(results, "", " sites from nothing: terrace up", "stack deploy"));
  return {
    title: "All sites from nothing, images built before",
    unit: "seconds; Terrace ends when every site answers over TLS, the peers when all tasks run",
    places: bare.map(([count]) => `${count} sites`),
    series: [
      { name: "terrace up", values: bare.map(([, { value }]) => seconds(value)) },
      { name: "docker stack deploy, each site", values: bare.map(([count]) => seconds(stack.get(count)?.peer?.value)) },
      { name: "bare service creates", values: bare.map(([, { peer }]) => seconds(peer?.value)) },
    ],
  };
}

function oneSite(results: Result[]): Chart {
  const added = bySites(results, "one new site beside ", ": saved -> HTTPS 200");
  const changed = new Map(bySites(results, "one changed page beside ", ": saved -> seen"));
  return {
    title: "One site among many",
    unit: "seconds from the file's being saved",
    places: added.map(([count]) => `beside ${count}`),
    series: [
      { name: "new site answers over TLS", values: added.map(([, { value }]) => seconds(value)) },
      { name: "changed page is seen", values: added.map(([count]) => seconds(changed.get(count)?.value)) },
      { name: "bare build and create", values: added.map(([, { peer }]) => seconds(peer?.value)) },
    ],
    limit: { value: 5, name: "budget of a new site" },
  };
}

function edge(results: Result[]): Chart {
  const named = results.map(({ what, value }) => ({
    value,
    place: /^edge with (\d+) sites: throughput against (.+)$/.exec(what)?.slice(1),
  }));
  const ratios = named.flatMap(({ value, place }) => (place === undefined ? [] : [{ value, place }]));
  return {
    title: "Throughput of the edge",
    unit: "its requests a second as a ratio to those of the same Caddy with a configuration written by hand",
    places: ratios.map(({ place: [count, peer] }) => `against ${peer}, ${count} sites`),
    series: [{ name: "Terrace's edge", values: ratios.map(({ value }) => value) }],
    limit: { value: 0.97, name: "budget against the same work" },
  };
}
