import { execFileSync } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LABEL } from "../../modules/core/labels.ts";
import { ALL } from "../../modules/engine/index.ts";
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

/** Waits until Swarm on a server says so of the nodes: a leader hears of each by and by. */
function nodesBecome(server: string, nodes: string[], but?: string) {
  const seen = async () => (await rig.nodes(server)).filter((line) => but === undefined || !line.startsWith(but));
  return expect.poll(seen, { timeout: 60_000 }).toEqual(nodes);
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
  for (const says of ["n2: joins", "n2: becomes a manager"]) {
    const killed = await rig.run(["pool", "up", "--yes"], { says, act: (run) => run.kill("SIGKILL") });
    expect([killed.code, killed.code === "SIGKILL" ? "" : killed.all]).toEqual(["SIGKILL", ""]);
  }
  await rig.servers.get("n5").cut();
  const again = await rig.run(["pool", "up", "--yes"]);
  expect(again.code).toBe(1);
  expect(again.all).toContain("n5 cannot be reached over SSH (TERRACE_NODE_UNREACHABLE)");
  const managers = ["n1 ready manager active", "n2 ready manager active", "n3 ready manager active"];
  // The runs that were killed may have joined it.
  await nodesBecome("n1", managers, "n5 down");
  const decide = () => rig.servers.get("n1").run("docker node ls --format '{{.ManagerStatus}}'");
  await expect
    .poll(async () => (await decide()).split("\n").filter(Boolean).sort(), { timeout: 60_000 })
    .toEqual(["Leader", "Reachable", "Reachable"]);
  await rig.servers.get("n5").mend();
  expect((await rig.run(["pool", "up", "--yes"])).code).toBe(0);
  await nodesBecome("n1", [...managers, "n5 ready worker active"]);
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
  await nodesBecome("n1", ["n1 ready manager active", "n2 ready worker active", "n3 ready worker active"]);
  expect((await stranger.run("docker node ls -q")).trim().split("\n")).toHaveLength(1);
});

test("where a node does not get in as a manager, no other is made, none goes, and it stays a worker", async () => {
  const n2 = rig.servers.get("n2");
  const up = async (...roles: ("manager" | "worker")[]) => {
    await rig.pool(
      roles.map((role, at) =>
        rig.node(`n${at + 1}`, at < 2 ? [role, "edge"] : [role], at < 2 ? {} : { labels: { zone: "b" } }),
      ),
    );
    return rig.run(["pool", "up", "--yes"]);
  };
  const rule = (what: "-I" | "-D", target: string) => n2.run(`iptables ${what} INPUT -p tcp --dport 2377 -j ${target}`);
  const REJECT = "REJECT --reject-with tcp-reset";
  const others = "n3: was not made a manager (TERRACE_NODE_JOIN)";
  const refused = async (...roles: ("manager" | "worker")[]) => {
    const { code, all } = await up(...roles);
    expect([code, code === 1 ? "" : all]).toEqual([1, ""]);
    return all;
  };
  // What swallows packets is noticed before anything is changed.
  await rule("-I", "DROP");
  const swallowed = await refused("manager", "manager", "manager");
  expect(swallowed).toContain("n2: was not made a manager: the others cannot reach its port 2377 (TERRACE_NODE_JOIN)");
  expect(swallowed).toContain(others);
  expect(swallowed).not.toMatch(/^n2: becomes a manager/m);
  // What does not hang on it is done.
  const labelled = await rig.servers.get("n1").run("docker node ls -q --filter node.label=zone=b");
  expect(labelled.trim().split("\n")).toHaveLength(1);
  expect(await refused("worker", "manager", "worker")).toContain("n1: stays a manager for now (TERRACE_NODE_JOIN)");
  await rule("-D", "DROP");
  // What refuses looks as if nobody listened yet.
  await rule("-I", REJECT);
  const unreached = await refused("manager", "manager", "manager");
  expect(unreached).toContain("n2: was made a manager, but the others do not reach it as one (TERRACE_NODE_JOIN)");
  expect(unreached).toContain(others);
  await nodesBecome("n1", ["n1 ready manager active", "n2 ready worker active", "n3 ready worker active"]);
  await rule("-D", REJECT);
  const mended = await up("worker", "manager", "worker");
  expect([mended.code, mended.code === 0 ? "" : mended.all]).toEqual([0, ""]);
  // A new leader hears of the others anew.
  await nodesBecome("n2", ["n1 ready worker active", "n2 ready manager active", "n3 ready worker active"]);
  const again = await up("manager", "worker", "worker");
  expect([again.code, again.code === 0 ? "" : again.all]).toEqual([0, ""]);
});

test("the pool is not changed while somebody changes the platform, unless nobody renews that lock", async () => {
  const n1 = rig.servers.get("n1");
  const edges = async () =>
    (await n1.run("docker node ls -q --filter node.label=terrace.edge=true")).trim().split("\n");
  await rig.pool([rig.node("n1", ["manager", "edge"]), rig.node("n2", ["worker"]), rig.node("n3", ["worker"])]);
  const holder = { user: "wang", host: "elsewhere", pid: 1, reason: "up finance", since: new Date().toISOString() };
  const labels = { [LABEL.platform]: rig.platform, [LABEL.lock]: ALL, "terrace.lock.holder": JSON.stringify(holder) };
  const options = Object.entries(labels).map(([key, value]) => `--label '${key}=${value}'`);
  await n1.run(`echo lock | docker config create ${options.join(" ")} ${rig.platform}-lock-all -`);
  const refused = await rig.run(["pool", "up", "--yes", "--no-wait"]);
  expect(refused.code).toBe(1);
  expect(refused.all).toContain("the platform is being changed by somebody else (TERRACE_LOCKED)");
  expect(refused.all).toContain("`up finance` by wang on elsewhere");
  expect(await edges()).toHaveLength(2);
  const waited = await rig.run(["pool", "up", "--yes"]);
  expect([waited.code, waited.code === 0 ? "" : waited.all]).toEqual([0, ""]);
  expect(waited.all).toContain("the holder is gone; taking over from `up finance` by wang on elsewhere");
  expect(await edges()).toHaveLength(1);
  expect((await n1.run("docker config ls -q --filter label=terrace.lock")).trim()).toBe("");
});

test("a server that stands in for another one without what that had on its disk is not joined under its name", async () => {
  const [n1, n3] = [rig.servers.get("n1"), rig.servers.get("n3")];
  await rig.pool([rig.node("n1", ["manager", "edge"]), rig.node("n2", ["worker", "edge"]), rig.node("n3", ["worker"])]);
  // The service of a site whose data is on n3.
  const bound = "--constraint node.labels.terrace.node==n3 --label terrace.site=records --replicas 0";
  await n1.run(`docker service create -q -d --name records ${bound} --mount type=volume,source=kept,target=/d none:1`);
  await n3.run("docker swarm leave --force");
  const refused = await rig.run(["pool", "up", "--yes"]);
  expect(refused.code).toBe(1);
  expect(refused.all).toContain("n3: the volumes of records are not on its disk (TERRACE_NODE_EMPTY)");
  expect(refused.all).toContain("docs/recover.md says how the site comes up on another node from its backup");
  expect((await n3.run("docker info -f '{{.Swarm.LocalNodeState}}'")).trim()).toBe("inactive");
  // The same server with its disk is taken, and is one node.
  await n3.run("docker volume create kept");
  expect((await rig.run(["pool", "up", "--yes"])).code).toBe(0);
  await n1.run("docker service rm records");
  await nodesBecome("n1", ["n1 ready manager active", "n2 ready worker active", "n3 ready worker active"]);
});

test("where no manager is left, every command says so, and a new Swarm is made once nothing of the old one is left", async () => {
  await rig.servers.get("n1").powerOff();
  for (const command of [["pool"], ["pool", "recover"]]) {
    const { code, all } = await rig.run(command);
    expect(code).toBe(1);
    expect(all).toContain("no manager of this pool's Swarm can be reached (TERRACE_POOL_NO_MANAGER)");
    expect(all).toContain("where all are lost for good, docs/recover.md says how to begin again");
  }
  const stranger = rig.servers.get("n5");
  await stranger.run("docker swarm leave --force");
  await rig.pool([rig.node("n5", ["manager", "edge"]), rig.node("n2", ["worker"]), rig.node("n3", ["worker"])]);
  const refused = await rig.run(["pool", "up", "--yes"]);
  expect(refused.code).toBe(1);
  expect(refused.all).toContain("n2, n3: in a Swarm of which no manager can be reached (TERRACE_POOL_NO_MANAGER)");
  expect(refused.all).toContain("`docker swarm leave --force` on n2, n3");
  expect((await stranger.run("docker info -f '{{.Swarm.LocalNodeState}}'")).trim()).toBe("inactive");
  for (const name of ["n2", "n3"]) await rig.servers.get(name).run("docker swarm leave --force");
  expect((await rig.run(["pool", "up", "--yes"])).code).toBe(0);
  await nodesBecome("n5", ["n2 ready worker active", "n3 ready worker active", "n5 ready manager active"]);
});
