import { describe, expect, test } from "vitest";
import {
  diffRoutes,
  EDGE,
  type EdgeModel,
  encodeEdge,
  renderCaddy,
  renderEdge,
  revisionOf,
  type SiteRoutes,
} from "../../modules/edge/index.ts";

const SITE = { title: "A site", aliases: [], redirects: [], headers: {} };

function site(name: string, more: Partial<SiteRoutes> = {}): SiteRoutes {
  const upstream = { kind: "service", name: `honghe-site-${name}_web`, port: 8080 } as const;
  return { ...SITE, site: name, host: `${name}.honghe.localhost`, upstream, ...more };
}

function model(sites: SiteRoutes[]): EdgeModel {
  return { platform: "honghe", ports: { http: 80, https: 443 }, tls: { issuer: "internal" }, sites };
}

function many(count: number): SiteRoutes[] {
  return Array.from({ length: count }, (_, index) => site(`site${index}`, { aliases: [`s${index}.example.gov.cn`] }));
}

/** Routes of single sites, wherever they lie, by their text. */
function siteRoutes(sites: SiteRoutes[]): string[] {
  const rendered = JSON.stringify(renderCaddy(model(sites), ""));
  return (
    rendered.match(/\{"match":\[\{"host":\["[^"]+"\]\}\],"handle":\[\{"handler":"vars","upstream":"[^"]+"\}\]\}/g) ?? []
  );
}

describe("the edge's configuration", () => {
  test("is the same for the same sites, in whichever order they come", () => {
    const sites = many(100);
    expect(JSON.stringify(renderEdge(model([...sites].reverse())))).toBe(JSON.stringify(renderEdge(model(sites))));
  });

  test("answers its revision, which is the hash of all the rest", () => {
    const { revision, caddy } = renderEdge(model([site("a")]));
    expect(revision).toMatch(/^[0-9a-f]{12}$/);
    expect(revision).toBe(revisionOf(model([site("a")])));
    expect(revision).not.toBe(revisionOf(model([site("b")])));
    expect(caddy).toEqual(renderCaddy(model([site("a")]), revision));
    expect(JSON.stringify(caddy)).toContain(
      `{"host":["${EDGE.revisionHost}"]}],"handle":[{"handler":"vars","revision":"${revision}"}`,
    );
  });

  test.each([3, 63, 64, 200, 1000])("says the same of a site whether there are %i others or one more", (count) => {
    const before = siteRoutes(many(count));
    const after = new Set(siteRoutes([...many(count), site("one-more")]));
    expect(before).toHaveLength(count);
    expect(before.filter((route) => !after.has(route))).toEqual([]);
    expect(after.size).toBe(count + 1);
  });

  test("of 1,000 sites with two names each is rendered in 50 ms and 40 KB", () => {
    const sites = many(1000);
    const times = Array.from({ length: 7 }, () => {
      const start = performance.now();
      renderEdge(model(sites));
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(50);
    expect(encodeEdge(renderEdge(model(sites)).caddy).length).toBeLessThan(40_000);
  });

  test("has strict transport security only where it can't lead astray", () => {
    const on = (http: number, https: number) =>
      JSON.stringify(renderCaddy({ ...model([site("a")]), ports: { http, https } }, ""));
    expect(on(80, 443)).toContain("Strict-Transport-Security");
    expect(on(8080, 8443)).not.toContain("Strict-Transport-Security");
    expect(on(80, 8443)).not.toContain("Strict-Transport-Security");
  });

  test("has the visitor's port where it isn't the usual one", () => {
    const ports = { http: 8080, https: 9443 };
    const text = JSON.stringify(renderCaddy({ ...model([site("a", { aliases: ["b.example"] })]), ports }, ""));
    expect(text).toContain('"Location":["https://{http.request.host}:9443{http.request.uri}"]');
    expect(text).toContain('"Location":["https://a.honghe.localhost:9443{http.request.uri}"]');
  });
});

describe("the difference of routes", () => {
  const redirect = (from: string, to = "/x") => ({ from, to, status: 301 as const });

  test("is empty where nothing changed", () => {
    expect(diffRoutes(many(3), many(3))).toEqual([]);
  });

  test("names what comes, what goes and what changes", () => {
    const before = [site("a", { redirects: [redirect("/1"), redirect("/2"), redirect("/3")] }), site("b")];
    const after = [site("a", { redirects: [redirect("/1"), redirect("/3", "/y")], host: "new.example" }), site("c")];
    const [a, b, c] = diffRoutes(before, after);
    expect(a).toEqual({
      site: "a",
      action: "update",
      changes: [
        { path: "host", before: "a.honghe.localhost", after: "new.example" },
        { path: "redirects./2.to", before: "/x" },
        { path: "redirects./2.status", before: 301 },
        { path: "redirects./3.to", before: "/x", after: "/y" },
      ],
    });
    expect(b).toMatchObject({ site: "b", action: "delete" });
    expect(b?.changes).toContainEqual({ path: "host", before: "b.honghe.localhost" });
    expect(c).toMatchObject({ site: "c", action: "create" });
    expect(c?.changes).toContainEqual({ path: "upstream.name", after: "honghe-site-c_web" });
  });

  test("tells a new order of redirects", () => {
    const before = [site("a", { redirects: [redirect("/a/*"), redirect("/*")] })];
    const after = [site("a", { redirects: [redirect("/*"), redirect("/a/*")] })];
    expect(diffRoutes(before, after)).toEqual([
      {
        site: "a",
        action: "update",
        changes: [{ path: "redirects.order", before: ["/a/*", "/*"], after: ["/*", "/a/*"] }],
      },
    ]);
  });
});
