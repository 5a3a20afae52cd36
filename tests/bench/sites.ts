import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The names of so many sites: the portal and numbered ones. */
export function siteNames(count: number): string[] {
  return ["www", ...Array.from({ length: count - 1 }, (_, index) => `s${String(index + 1).padStart(5, "0")}`)];
}

/** A site's file as an operator would write it, with two redirects. */
export function siteYaml(name: string): string {
  return `title: Site ${name}
kind: ${name === "www" ? "portal" : "department"}
domains: [${name}]
serve: { static: site-content/${name} }
scale: { memory: 32MiB }
redirects:
  - { from: /old/*, to: "/news/:splat" }
  - { from: /contact.php, to: /contact.html }
`;
}

/** A page of 4 KB. */
export function page(name: string, edition: string): string {
  const text = `<p>${`News of ${name}, ${edition}. `.repeat(40)}</p>\n`;
  return `<!doctype html>\n<meta charset="utf-8">\n<title>${name}</title>\n<h1>${edition}</h1>\n${text.repeat(4).slice(0, 3900)}\n`;
}

/** Writes sites into a workspace's folder. */
export async function writeSites(folder: string, names: string[]): Promise<void> {
  await mkdir(join(folder, "site-configs"), { recursive: true });
  for (const name of names) {
    await mkdir(join(folder, "site-content", name), { recursive: true });
    await writeFile(join(folder, "site-content", name, "index.html"), page(name, "first edition"));
    await writeFile(join(folder, "site-configs", `${name}.yaml`), siteYaml(name));
  }
}
