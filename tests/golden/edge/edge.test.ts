import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { type EdgeModel, renderCaddy, type SiteRoutes } from "../../../modules/edge/index.ts";

/*
 * A golden file is what the edge is told, a line of dashes, and the routes of Caddy that follow from it: of the server for HTTPS,
 * without those that are there with no site at all. `sites` may leave out what is empty; every other key is the model's.
 * `UPDATE=1` rewrites what is expected.
 */
const SEPARATOR = "\n----\n";
const NOTHING = { platform: "honghe", ports: { http: 80, https: 443 }, tls: { issuer: "internal" }, sites: [] } as const;

type Routes = { apps: { http: { servers: { https: { routes: unknown[] } } } } };

function routes(model: EdgeModel): string[] {
  const { apps } = renderCaddy(model, "") as unknown as Routes;
  return apps.http.servers.https.routes.map((route) => JSON.stringify(route));
}

function modelOf(text: string): EdgeModel {
  const { sites, ...rest } = parse(text) as Partial<EdgeModel> & { sites: SiteRoutes[] };
  return { ...NOTHING, ...rest, sites: sites.map((site) => Object.assign({ title: "A site", aliases: [], redirects: [], headers: {} }, site)) };
}

/** Each handler and matcher on a line of its own: a changed one is a changed line. */
function pretty(route: string): string {
  return route.replace(/(?<=[[,])\{"(handler|match|handle)"/g, '\n  {"$1"');
}

const folder = new URL("./", import.meta.url);

test.each(readdirSync(folder).filter((name) => name.endsWith(".golden")))("%s", (name) => {
  const file = new URL(name, folder);
  const [input = ""] = readFileSync(file, "utf8").split(SEPARATOR);
  const model = modelOf(input);
  const always = new Set(routes({ ...model, sites: [] }));
  const expected = routes(model)
    .filter((route) => !always.has(route))
    .map(pretty);
  const text = `${input}${SEPARATOR}${expected.join("\n")}\n`;
  if (process.env.UPDATE === "1") writeFileSync(file, text);
  expect(readFileSync(file, "utf8")).toBe(text);
});
