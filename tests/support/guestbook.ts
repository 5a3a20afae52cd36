import { cp } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./sources.ts";
import type { Workspace } from "./workspace.ts";

/** Copies the image's folder, `tests/fixtures/guestbook`, into a workspace as `guestbook`. */
export async function writeGuestbook(workspace: Workspace): Promise<void> {
  await cp(join(ROOT, "tests/fixtures/guestbook"), join(workspace.folder, "guestbook"), { recursive: true });
}

/** The file of a site that is the guestbook; `database` and `image` are laid over. */
export function guestbookSite(
  name: string,
  engine: "postgres" | "mariadb",
  image: object = {},
  more: object = {},
): object {
  return {
    title: `Guestbook ${name}`,
    kind: "service",
    domains: [name],
    serve: {
      image: {
        build: "guestbook",
        volumes: [{ name: "uploads", path: "/var/lib/guestbook", size: "100MiB" }],
        database: { engine, size: "100MiB", memory: "192MiB" },
        health: { path: "/healthz", interval: "2s", timeout: "15s", retries: 3, start: "10s" },
        ...image,
      },
    },
    scale: { memory: "128MiB", cpu: 1 },
    ...more,
  };
}
