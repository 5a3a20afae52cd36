import { expect, test } from "vitest";
import { giveWay, renderEdge, type SiteRoutes } from "../../modules/edge/index.ts";
import type { Plan } from "../../stacks/model.ts";
import { mergeRoutes } from "../../stacks/publish.ts";

function routes(site: string, host: string, ...aliases: string[]): SiteRoutes {
  const upstream = { kind: "service", name: `honghe-site-${site}_web`, port: 8080 } as const;
  return { site, title: site, host, aliases, upstream, redirects: [], headers: { "X-Site": site } };
}

test("a host goes to the changed site that has it, and the site before goes on with its others", () => {
  const changed = [routes("b", "b.example.cn", "moved.example.cn")];
  const kept = [
    routes("a", "a.example.cn", "moved.example.cn", "old.example.cn"),
    routes("c", "moved.example.cn", "c.example.cn"),
    routes("d", "moved.example.cn"),
    routes("e", "e.example.cn"),
  ];
  expect(giveWay(kept, changed)).toEqual([
    routes("a", "a.example.cn", "old.example.cn"),
    routes("c", "c.example.cn"),
    routes("e", "e.example.cn"),
  ]);
});

test("routes that are merged name each host once, whichever site of a move is held back", () => {
  const live = [routes("a", "a.example.cn", "moved.example.cn"), routes("b", "b.example.cn")];
  const wanted = [routes("a", "a.example.cn"), routes("b", "b.example.cn", "moved.example.cn")];
  const plan = {
    routes: [{ site: "a" }, { site: "b" }],
    edge: { model: { sites: wanted } },
  } as unknown as Pick<Plan, "routes" | "edge">;
  const hosts = (failed: string[]) =>
    mergeRoutes(plan, new Set(failed), live)
      .map(({ site, host, aliases }) => [site, host, ...aliases])
      .sort();
  expect(hosts([])).toEqual([
    ["a", "a.example.cn"],
    ["b", "b.example.cn", "moved.example.cn"],
  ]);
  expect(hosts(["a"])).toEqual([
    ["a", "a.example.cn"],
    ["b", "b.example.cn", "moved.example.cn"],
  ]);
  // What is to have it is not up: it stays where it is.
  expect(hosts(["b"])).toEqual([
    ["a", "a.example.cn", "moved.example.cn"],
    ["b", "b.example.cn"],
  ]);
});

test("a host that two sites have all the same is rendered once in each list, which Caddy would refuse else", () => {
  const sites = Array.from({ length: 70 }, (_, at) => routes(`s${at}`, `s${at}.example.cn`, "both.example.cn"));
  const ports = { http: 80, https: 443 };
  const { caddy } = renderEdge({ platform: "honghe", ports, tls: { issuer: "internal" }, sites });
  const lists: string[][] = [];
  JSON.stringify(caddy, (key, value) => {
    if ((key === "host" || key === "automate") && Array.isArray(value)) lists.push(value);
    return value;
  });
  expect(lists.length).toBeGreaterThan(4);
  for (const list of lists) expect(new Set(list).size).toBe(list.length);
});
