import { hostname } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect, get, type RawContent } from "../../modules/docker/index.ts";
import { acquireLock, breakLock, isRenewed, type LockHolder, listLocks } from "../../modules/engine/index.ts";
import { EngineApi } from "../support/engine-api.ts";

let api: EngineApi;
const hostBefore = process.env.DOCKER_HOST;

beforeEach(async () => {
  api = await new EngineApi().listen();
  process.env.DOCKER_HOST = api.host;
});

afterEach(async () => {
  vi.restoreAllMocks();
  if (hostBefore === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = hostBefore;
  await api.close();
});

async function acquire(scopes: string[], reason: string, more: object = {}) {
  const docker = await connect();
  const signal = AbortSignal.timeout(20_000);
  return acquireLock({ docker, platform: "honghe", scopes, reason, noWait: false, signal, report: () => {}, ...more });
}

/** A lock whose holder, who is elsewhere, nobody hears of. */
async function leave(scope: string): Promise<void> {
  const Labels = { "terrace.platform": "honghe", "terrace.lock": scope, "terrace.lock.beat": "0" };
  await (await connect()).createConfig({ Name: `honghe-lock_${scope}`, Data: "bG9jaw==", Labels } as never);
}

test.each([
  ["site-finance", "site-finance is"],
  ["all", "the platform is"],
])("whoever waits for a lock on %s gives up in time, and leaves nothing behind", async (scope, what) => {
  const lock = await acquire([scope], "up finance");
  const told: [LockHolder, number][] = [];
  const waiting = (holder: LockHolder, ms: number) => void told.push([holder, ms]);
  await expect(acquire([scope], "up", { limit: 1200, waiting })).rejects.toMatchObject({
    code: "TERRACE_LOCKED",
    message: `${what} being changed by somebody else`,
    why: expect.stringMatching(
      new RegExp(
        `^\`up finance\` by \\S+ on ${hostname()} \\(process ${process.pid}\\), since .* UTC; it was waited for 1200ms$`,
      ),
    ),
    next: "wait and run this again, or give a longer --wait; `terrace lock` shows all locks",
  });
  expect(told.length).toBeGreaterThan(1);
  expect(told[0]?.[0]).toMatchObject({ scope, reason: "up finance" });
  expect(told[0]?.[1]).toBe(0);
  expect(told.at(-1)?.[1]).toBeGreaterThanOrEqual(500);
  expect(await listLocks(await connect(), "honghe")).toHaveLength(1);
  await lock.release();
  expect(await listLocks(await connect(), "honghe")).toEqual([]);
});

test("who wants everything keeps its place while it waits, and gives it up with the waiting", async () => {
  const lock = await acquire(["site-finance"], "up finance");
  const scopes: string[] = [];
  const waiting = () => void listLocks(docker, "honghe").then((locks) => scopes.push(...locks.map((one) => one.scope)));
  const docker = await connect();
  await expect(acquire(["all"], "up", { limit: 1200, waiting })).rejects.toMatchObject({ code: "TERRACE_LOCKED" });
  expect(scopes).toContain("all");
  expect((await listLocks(docker, "honghe")).map(({ scope }) => scope)).toEqual(["site-finance"]);
  await lock.release();
});

test("who does not want to wait leaves nothing behind", async () => {
  const lock = await acquire(["site-finance"], "up finance");
  await expect(acquire(["all"], "up", { noWait: true })).rejects.toMatchObject({
    code: "TERRACE_LOCKED",
    next: "wait and run this again, or leave --no-wait out; `terrace lock` shows all locks",
  });
  expect((await listLocks(await connect(), "honghe")).map(({ scope }) => scope)).toEqual(["site-finance"]);
  await lock.release();
});

test("a lock that is held is renewed while the next one is waited for", async () => {
  const lock = await acquire(["site-gejiu"], "up gejiu");
  const both = acquire(["site-finance", "site-gejiu"], "up finance gejiu");
  const docker = await connect();
  const beat = async () => {
    const configs = await get<RawContent[]>(docker, "/configs");
    return configs.find(({ Spec }) => Spec.Name === "honghe-lock_site-finance")?.Spec.Labels?.["terrace.lock.beat"];
  };
  await expect.poll(beat, { timeout: 12_000, interval: 200 }).toBe("1");
  await lock.release();
  const held = await both;
  expect(held.waited).toBe(true);
  await held.release();
  expect(await listLocks(docker, "honghe")).toEqual([]);
});

test("who loses a lock while it waits for the next one stops, and says so", async () => {
  const lock = await acquire(["site-gejiu"], "up gejiu");
  const both = acquire(["site-finance", "site-gejiu"], "up finance gejiu");
  const refused = expect(both).rejects.toMatchObject({ code: "TERRACE_LOCK_LOST" });
  const docker = await connect();
  const own = async () => (await listLocks(docker, "honghe")).find(({ scope }) => scope === "site-finance")?.id;
  await expect.poll(own).toBeDefined();
  await breakLock(docker, (await own()) ?? "");
  await refused;
  await lock.release();
  expect(await listLocks(docker, "honghe")).toEqual([]);
});

test("a lock is told to be renewed, not to be, or to be given back meanwhile", async () => {
  const docker = await connect();
  const lock = await acquire(["site-finance"], "up finance");
  await leave("site-gejiu");
  const given = await acquire(["site-portal"], "up portal");
  const scopes = ["site-finance", "site-gejiu", "site-portal"];
  const listed = await listLocks(docker, "honghe");
  const ids = scopes.map((scope) => listed.find((each) => each.scope === scope)?.id ?? "");
  const told = Promise.all(ids.map((id) => isRenewed(docker, "honghe", id)));
  setTimeout(() => given.release(), 1_000);
  expect(await told).toEqual([true, false, undefined]);
  await lock.release();
});

test("a lock that nobody renews is taken over", async () => {
  await leave("site-finance");
  const told: string[] = [];
  // By this clock, two seconds pass from one look to the next.
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() * 4);
  const report = (line: string) => void told.push(line);
  const lock = await acquire(["site-finance"], "up finance", { report, signal: AbortSignal.timeout(50_000) });
  expect(told.at(-1)).toContain("the holder is gone; taking over from ");
  await lock.release();
});

test("a holder who could not renew for want of a leader keeps its lock", async () => {
  const docker = await connect();
  const lock = await acquire(["site-finance"], "up finance");
  const [held] = await listLocks(docker, "honghe");
  const told: string[] = [];
  let looks = 0;
  let away = 0;
  // Between the first look and the second, 40 s pass by every clock.
  const [now, date] = [performance.now.bind(performance), Date.now];
  vi.spyOn(performance, "now").mockImplementation(() => now() + away);
  vi.spyOn(Date, "now").mockImplementation(() => date() + away);
  const waiting = () => {
    looks += 1;
    if (looks === 2) away = 40_000;
  };
  const renewed = isRenewed(docker, "honghe", held?.id ?? "");
  const report = (line: string) => void told.push(line);
  const waits = acquire(["site-finance"], "up", { waiting, report, signal: AbortSignal.timeout(50_000) });
  await expect.poll(() => looks).toBeGreaterThan(3);
  expect(await listLocks(docker, "honghe")).toEqual([expect.objectContaining({ id: held?.id })]);
  expect(await renewed).toBe(true);
  await lock.release();
  await (await waits).release();
  expect(told).toEqual([]);
});
