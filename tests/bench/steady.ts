import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Result } from "./report.ts";
import type { Rig } from "./rig.ts";
import { page, writeSites } from "./sites.ts";

/** Visits a second to each of the sites that are watched. */
const RATE = 20;
/** Sites that are watched beside those that are changed. */
const OTHERS = 6;

/** Requests that failed while sites were added, changed, scaled, redirected and retired, one after the other. */
export async function measureSteady(rig: Rig): Promise<Result[]> {
  await rig.learnRoot();
  const { visitor, folder } = rig.workspace;
  const [changed, scaled, redirected, retired] = ["s00001", "s00002", "s00003", "s00004"] as const;
  const others = Array.from({ length: OTHERS }, (_, index) => `s${String(index + 5).padStart(5, "0")}`);
  const watched = ["www", changed, scaled, redirected, ...others];
  const file = (site: string) => join(folder, `site-configs/${site}.yaml`);
  const edit = async (site: string, from: string, to: string) =>
    writeFile(file(site), (await readFile(file(site), "utf8")).replace(from, to));
  const works = [
    () => writeSites(folder, ["steady"]),
    () => writeFile(join(folder, `site-content/${changed}/index.html`), page(changed, "an edition under load")),
    () => edit(scaled, "memory: 32MiB", "memory: 32MiB, replicas: 2"),
    () => edit(redirected, "/contact.php", "/contact.asp"),
    () => appendFile(file(retired), `retire: { redirect: 2026-01-01, to: "https://www.example.gov.cn/" }\n`),
  ];
  const started = performance.now();
  const loads = watched.map((site) => visitor.steadily(site, { rate: RATE }));
  try {
    for (const work of works) {
      await work();
      await rig.up();
    }
  } finally {
    await Promise.all(loads.map(({ stop }) => stop()));
  }
  const count = (of: (load: (typeof loads)[number]["load"]) => number) =>
    loads.reduce((sum, { load }) => sum + of(load), 0);
  const again = count((load) => load.again);
  const seconds = Math.round((performance.now() - started) / 1000);
  return [
    {
      what: `failed requests beside ${rig.count} while sites are added, changed, scaled, redirected, retired`,
      value: count(({ failures }) => failures.length),
      unit: "requests",
      budget: { limit: 0, text: "0" },
      note: `of ${count(({ requests }) => requests)} to ${watched.length} sites in ${seconds} s; ${again} met a connection that was being closed, and were sent again`,
    },
  ];
}
