import { execFileSync } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PoolRig } from "./rig.ts";

let rig: PoolRig;

beforeAll(async () => {
  rig = await PoolRig.create(3);
  await rig.add({ disk: "8m" });
  await rig.add();
});
beforeEach(() => rig.trustAll());
afterAll(() => rig?.close());

/** Whether a server was touched: Docker runs, or its settings are not those that it came with. */
async function touched(name: string): Promise<boolean> {
  const { disk } = rig.servers.get(name);
  const running = await rig.servers.get(name).run("pidof dockerd || true");
  return running.trim() !== "" || (await readFile(join(disk, "etc-docker/daemon.json"), "utf8")).includes("log-driver");
}

test("servers that show the wrong key, have a full disk, or are not there are refused, and nothing is done to them", async () => {
  const locked = join(rig.folder, "secrets/ssh/locked");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "correct-horse", "-f", locked]);
  await chmod(locked, 0o600);
  const known = await rig.servers.knownHosts();
  const [n1 = "", n2 = "", , n4 = ""] = known.split("\n");
  // n2 shows another key than the one that is known; n3's is not known at all.
  const wrong = `${n2.split(" ")[0]} ${n1.split(" ").slice(1).join(" ")}`;
  await rig.write("secrets/ssh/known_hosts", `${n1}\n${wrong}\n${n4}\n${known.split("\n")[4]}\n`);
  await rig.pool([
    rig.node("n1", ["manager", "edge"], { ssh: { key: "locked" } }),
    rig.node("n2", ["worker"]),
    rig.node("n3", ["worker"]),
    rig.node("n4", ["worker"]),
    rig.node("n5", ["worker"], { ssh: { port: 2222 } }),
  ]);
  const { code, all } = await rig.run(["pool", "up", "--yes"]);
  expect(code).toBe(1);
  expect(all).toContain("n1: the SSH key is protected by a passphrase (TERRACE_SSH_KEY_LOCKED)");
  expect(all).toContain("n2: its host key is not the one that is known (TERRACE_SSH_HOST_CHANGED)");
  expect(all).toContain("n3: its host key is not known here (TERRACE_SSH_HOST_UNKNOWN)");
  expect(all).toContain("n4: its disk is full: 8 MiB are free, 512 are needed (TERRACE_NODE_DISK)");
  expect(all).toContain("n5 cannot be reached over SSH (TERRACE_NODE_UNREACHABLE)");
  expect(all).not.toContain("correct-horse");
  for (const name of ["n1", "n2", "n3", "n4", "n5"]) expect([name, await touched(name)]).toEqual([name, false]);
});

test("a kernel that can't encrypt is refused before anything is done", async () => {
  await rig.pool([rig.node("n1", ["manager", "edge"])], { encrypted: true });
  const { code, all } = await rig.run(["pool", "up", "--yes"]);
  if (all.includes("n1 (")) return; // This machine's kernel can.
  expect(code).toBe(1);
  expect(all).toContain("n1: its kernel can't encrypt what nodes send each other (TERRACE_NODE_NO_ENCRYPTION)");
  expect(await touched("n1")).toBe(false);
});

test("a run that is killed midway converges when it is run again, and one that is out of reach stops no other", async () => {
  await rig.pool([
    rig.node("n1", ["manager", "edge"], { labels: { zone: "a" } }),
    rig.node("n2", ["manager"]),
    rig.node("n3", ["manager"]),
    rig.node("n5", ["worker"]),
  ]);
  const killed = await rig.run(["pool", "up", "--yes"], "n2: joins as manager");
  expect(killed.code).toBe("SIGKILL");
  await rig.servers.get("n5").cut();
  const again = await rig.run(["pool", "up", "--yes"]);
  expect(again.code).toBe(1);
  expect(again.all).toContain("n5 cannot be reached over SSH (TERRACE_NODE_UNREACHABLE)");
  const managers = ["n1 ready manager active", "n2 ready manager active", "n3 ready manager active"];
  expect(await rig.nodes("n1")).toEqual(managers);
  await rig.servers.get("n5").mend();
  expect((await rig.run(["pool", "up", "--yes"])).code).toBe(0);
  expect(await rig.nodes("n1")).toEqual([...managers, "n5 ready worker active"]);
  const { all } = await rig.run(["pool", "up", "--yes"]);
  expect(all).not.toMatch(/joined|labelled|configured|started/);
  const labels = await rig.servers.get("n1").run("docker node inspect self -f '{{.Spec.Labels}}'");
  expect(labels).toContain("terrace.edge:true terrace.labels:zone terrace.node:n1 zone:a");
  const settings = JSON.parse(await rig.servers.get("n1").run("cat /etc/docker/daemon.json"));
  expect(settings).toMatchObject({ "log-opts": { "max-size": "10m" }, "cgroup-parent": `/${rig.platform}/n1` });
});

test("a node of another Swarm is left alone, and the pool's own are promoted, demoted and labelled as the file says", async () => {
  const stranger = rig.servers.get("n5");
  await rig.pool([rig.node("n1", ["manager", "edge"]), rig.node("n2", ["manager"]), rig.node("n3", ["manager"])]);
  expect((await rig.run(["pool", "up", "--yes"])).all).toContain("n5 (");
  await stranger.run(`docker swarm leave --force; docker swarm init --advertise-addr ${stranger.address}`);
  await rig.pool([
    rig.node("n1", ["manager", "edge"]),
    rig.node("n2", ["worker", "edge"]),
    rig.node("n3", ["worker"]),
    rig.node("n5", ["worker"]),
  ]);
  const { code, all } = await rig.run(["pool", "up", "--yes"]);
  expect(code).toBe(1);
  expect(all).toContain("n5 is in a Swarm that is not this platform's (TERRACE_NODE_FOREIGN_SWARM)");
  expect(await rig.nodes("n1")).toEqual([
    "n1 ready manager active",
    "n2 ready worker active",
    "n3 ready worker active",
  ]);
  expect((await stranger.run("docker node ls -q")).trim().split("\n")).toHaveLength(1);
});
