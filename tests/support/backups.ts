import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { parse, stringify } from "yaml";
import { inContainer } from "./containers.ts";
import type { Ended, Workspace } from "./workspace.ts";

const KEEP_ONE = { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
/** Nothing but what a test does itself. */
const NEVER = { schedule: "0 0 1 1 *", prove: "never", check: "0 0 1 1 *" };

/** What the site `notes` holds is spoiled, and put back from the newest backup. */
export async function comesBack(workspace: Workspace): Promise<void> {
  await workspace.visitor.get("notes", "/set/spoiled");
  const restored = await workspace.run("restore", "notes", "--no-safety", "--yes");
  expect(restored.code, restored.all).toBe(0);
  expect((await workspace.visitor.until("notes", "/get", ({ status }) => status === 200)).body).toBe("kept");
}

/** Sets the platform's backups anew, with values of what the places ask for, and applies that. */
export async function keepAt(
  workspace: Workspace,
  place: object,
  keys: Record<string, string> = {},
  before = async () => {},
): Promise<void> {
  const path = join(workspace.folder, "platform.yaml");
  const platform = parse(await readFile(path, "utf8"));
  const credentials = Object.keys(keys);
  for (const [name, value] of Object.entries(keys)) await workspace.write(`secrets/backup/${name}`, value);
  await writeFile(path, stringify({ ...platform, backup: { ...NEVER, keep: KEEP_ONE, ...place, credentials } }));
  await before();
  const { code, all } = await workspace.up();
  expect(code, all).toBe(0);
}

export function backup(workspace: Workspace, site: string, ...more: string[]): Promise<Ended> {
  return workspace.run("backup", "run", site, ...more);
}

export async function working(workspace: Workspace, site: string): Promise<void> {
  const { code, all } = await backup(workspace, site);
  expect(code, all).toBe(0);
}

/** The container of a site's job, once it runs; where the command that starts it ends before, what that said is told. */
export async function jobContainer(workspace: Workspace, site: string, { ended }: { ended: Promise<Ended> }) {
  const prefix = `/${workspace.name}-backup_job-${site}.`;
  let over: Ended | undefined;
  ended.then(
    (end) => {
      over = end;
    },
    () => {},
  );
  for (const end = Date.now() + 60_000; Date.now() < end && over === undefined; ) {
    const running = await workspace.docker.listContainers();
    const found = running.find(({ Names }) => Names.some((name) => name.startsWith(prefix)));
    if (found !== undefined) return workspace.docker.getContainer(found.Id);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no job of ${site} was seen to run: ${over?.all ?? "its command goes on"}`);
}

/** Makes the volume `data` of a site hold so many MiB that cannot be compressed. */
export async function fill(workspace: Workspace, site: string, mebibytes: number): Promise<void> {
  const container = await workspace.cluster.container(workspace.cluster.web(site));
  const command = `rm -f /data/big && head -c ${mebibytes * 2 ** 20} /dev/urandom >/data/big`;
  expect(await inContainer(container, ["sh", "-c", command])).toMatchObject({ code: 0 });
}
