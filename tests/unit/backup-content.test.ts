import type Dockerode from "dockerode";
import { expect, test } from "vitest";
import type { Session } from "../../stacks/backup/run.ts";
import { clearContent, contentVolume } from "../../stacks/backup/volumes.ts";

const NAME = "honghe-site-shop_backup-content";

/** An engine that holds the container of a run that was killed while Docker filled the volume. */
function engine() {
  const containers = new Set([NAME]);
  const volumes = new Set([NAME]);
  const failed = (statusCode: number) => Object.assign(new Error(String(statusCode)), { statusCode });
  const take = (from: Set<string>, name: string) => {
    if (!from.delete(name)) throw failed(404);
  };
  const answer = ({ method, path, options }: { method: string; path: string; options: { _query: object } }) => {
    const [, kind, name = ""] = path.replace("?", "").split("/");
    if (method === "POST") {
      const called = (options._query as { name: string }).name;
      if (containers.has(called)) throw failed(409);
      containers.add(called);
      volumes.add(called);
      return { Id: "c1" };
    }
    if (kind === "containers") return take(containers, name);
    // It is in use.
    if (containers.has(name)) throw failed(409);
    return take(volumes, name);
  };
  const dial = (options: Parameters<typeof answer>[0], done: (error: unknown, answer?: unknown) => void) => {
    try {
      done(null, answer(options));
    } catch (error) {
      done(error);
    }
  };
  return { docker: { modem: { dial } } as unknown as Dockerode, containers, volumes };
}

test("the container of a killed run keeps no later one from a site's pages", async () => {
  const { docker, containers, volumes } = engine();
  const context = { docker, platform: "honghe" };
  const entry = { site: "shop", content: true };
  const session = { context, entry, live: { image: "honghe/shop:1" }, constraints: [] } as unknown as Session;
  expect(await contentVolume(session)).toBe(NAME);
  expect([...containers]).toEqual([]);
  expect([...volumes]).toEqual([NAME]);
});

test("it goes with its volume where what a killed run left is cleared", async () => {
  const { docker, containers, volumes } = engine();
  await clearContent(docker, "honghe", "shop");
  expect([...containers, ...volumes]).toEqual([]);
});
