import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { EDGE } from "../../modules/edge/index.ts";
import { BASE_RECIPE, IMAGES } from "../../modules/images/index.ts";

const folder = new URL("../../modules/images/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, folder), "utf8");

/** A folder of the moment, and the images' scripts as they run here: what they keep in the container is in it. */
function place() {
  const scratch = mkdtempSync(join(tmpdir(), "terrace-images-"));
  onTestFinished(() => rmSync(scratch, { recursive: true }));
  mkdirSync(join(scratch, "bin"));
  return {
    scratch,
    script: (path: string) => text(path).replaceAll(/\/(tmp|run\/secrets|data)\b/g, scratch),
    /** A command that stands in for one of the image. */
    command: (name: string, body: string) => {
      writeFileSync(join(scratch, "bin", name), body);
      chmodSync(join(scratch, "bin", name), 0o755);
    },
    /** What it printed, and the code that it ended with. */
    run: async (shell: "bash" | "sh", script: string, args: string[] = []) => {
      const env = { ...process.env, PATH: `${join(scratch, "bin")}:${process.env.PATH}` };
      return promisify(execFile)(shell, ["-c", script, shell, ...args], { env, timeout: 10_000 }).then(
        ({ stdout }) => ({ code: 0, stdout }),
        ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
      );
    },
  };
}

type Place = ReturnType<typeof place>;

test("each image has its folder", () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = IMAGES.map(({ name }) => name as string);
  expect(names.filter((name) => !folders.some((entry) => entry.name === name))).toEqual([]);
});

test("images run as a user without rights, and only packages of the distribution are in them", () => {
  for (const image of ["static", "edge"]) {
    const recipe = text(`${image}/Dockerfile`);
    expect(recipe).toMatch(/^ARG BASE\nFROM \$\{BASE\}\n/);
    expect(recipe).toContain("\nUSER 10001:10001\n");
    expect(recipe).not.toMatch(/https?:|ADD |curl -|wget/);
  }
});

test("the edge's image agrees with the configuration that it gets", () => {
  const script = text("edge/edge.sh");
  expect(script).toContain(`loaded=${EDGE.loaded.folder} `);
  expect(script).toContain(`"$loaded/${EDGE.loaded.file}"`);
  const start = JSON.parse(text("edge/start.json")) as { admin: { listen: string }; storage: { root: string } };
  expect(start.admin.listen).toBe(EDGE.admin);
  expect(start.storage.root).toBe(EDGE.data);
  expect(text("edge/start.json")).toContain(EDGE.revisionHost);
  expect(script).toContain(`socket=${EDGE.admin.replace("unix/", "")}\n`);
  expect(script).toContain(`authority=${EDGE.data}/pki/authorities/local\n`);
  expect(EDGE.rootCertificate).toBe(`${/^ {2}root=(.*)$/m.exec(script)?.[1]}/ca.crt`);
  expect(EDGE.rootKey).toBe(`${/^ {2}root=(.*)$/m.exec(script)?.[1]}/ca.key`);
});

test("the base image asks the distribution's own mirror, through nothing of this machine", () => {
  for (const source of BASE_RECIPE.sources)
    expect(source).toMatch(/^deb http:\/\/deb\.debian\.org\/debian(-security)? bookworm/);
  expect(BASE_RECIPE.cleaned).toContain("etc/apt/apt.conf.d/99mmdebstrap");
});

test("what a command of a job says is there to be asked as soon as the command has ended", async () => {
  const { script, run } = place();
  const rounds = `${script("backup/common.sh")}
late=0
for round in {1..100}; do
  : >"$WORDS"
  run sh -c "echo word $round >&2; exit 3"
  [ "$?" = 3 ] && [ "$(<"$WORDS")" = "word $round" ] || late=$((late + 1))
done
echo "late: $late"`;
  expect(await run("bash", rounds)).toEqual({ code: 0, stdout: "late: 0\n" });
});

test.each(["/repository", "rest:http://h/r"])("a job on %s that was told to stop begins nothing more", async (at) => {
  const { script, run } = place();
  const job = `${script("backup/common.sh")}
REPOSITORY=${at}
kill -TERM $$
run echo begun
echo "run: $?"
run_removal echo begun
echo "removal: $?"`;
  expect(await run("bash", job)).toEqual({ code: 0, stdout: "run: 143\nremoval: 143\n" });
});

/** Until a command takes its place, what a script starts in the background is a shell that ignores the interrupt: here for long. */
const late = (name: string, command: string) => `${name}() { sleep 0.4; exec ${command}; }`;

test.each(["run", "run_removal"])("`%s` tells a command to stop until it listens", async (how) => {
  const { script, run } = place();
  const job = `${script("backup/common.sh")}
REPOSITORY=rest:http://h/r
(sleep 0.1; kill -TERM $$) &
${late("slow", "sleep 8")}
${how} slow
echo "$?"`;
  expect(await run("bash", job)).toEqual({ code: 0, stdout: "130\n" });
});

/** A job that dumps a database by the command `dump`, into a restic that does `takes`; it leaves a snapshot where it sees the end. */
function dumping({ scratch, script, command, run }: Place, dump: string, takes: string) {
  command(
    "restic",
    `#!/usr/bin/perl
${takes}
1 while sysread STDIN, $_, 65536;
open my $snapshot, ">", "${scratch}/snapshot";
print qq({"snapshot_id":"1"}\\n);`,
  );
  const job = `${script("backup/common.sh")}
${script("backup/database.sh")}
fail() { echo "$1 $2 $(<"$WORDS")"; exit 1; }
SITE=shop BACKUP=b KIND=regular DB_ENGINE=postgres DB_NAME=shop
${late("restic_at", "restic")}
database_setup() { : >"${scratch}/tables"; }
${dump}
dump_database
jq -r .bytes <<<"$DUMP"`;
  return run("bash", job);
}

const WHOLE = `dump_postgres() { head -c 50000 /dev/zero >"$1"; }`;

test("a dump is stored whole", async () => {
  const at = place();
  expect(await dumping(at, WHOLE, "")).toEqual({ code: 0, stdout: "50000\n" });
  expect(existsSync(join(at.scratch, "snapshot"))).toBe(true);
});

test.each([
  ["fails at once", `dump_postgres() { echo "no such host" >>"$WORDS"; return 3; }`, "", "dump 3 no such host"],
  [
    "is cut off on its way",
    `tee() { command tee "$@"; return 1; }; ${WHOLE}`,
    "",
    "dump 1 the dump was cut off on its way",
  ],
  [
    "is not taken to its end",
    `dump_postgres() { head -c 5000000 /dev/zero >"$1" 2>>"$WORDS"; }`,
    `sysread STDIN, $_, 9; print STDERR "no space left\\n"; exit 1;`,
    "dump-store 1 no space left",
  ],
])("a dump that %s leaves no snapshot, and its job ends", async (_what, dump, takes, says) => {
  const at = place();
  expect(await dumping(at, dump, takes)).toEqual({ code: 1, stdout: `${says}\n` });
  expect(existsSync(join(at.scratch, "snapshot"))).toBe(false);
});

test("a database's session that ends at once is a dump that failed", async () => {
  const { script, command, run } = place();
  command("psql", "#!/bin/sh\nexit 2\n");
  const job = `${script("backup/common.sh")}
${script("backup/database.sh")}
set -T
trap '[[ $BASH_COMMAND != local* ]] || sleep 0.2' DEBUG
dump_postgres /dev/null
echo "$?"`;
  expect(await run("bash", job)).toEqual({ code: 0, stdout: "1\n" });
});

test("a login whose connections cannot be listed is not said to be shut out", async () => {
  const { scratch, script, command, run } = place();
  writeFileSync(join(scratch, "admin"), "secret");
  command("mariadb", `#!/bin/sh\n! grep -q SELECT\n`);
  expect(await run("sh", script("mariadb/login.sh"), ["refuse", "shop"])).toEqual({ code: 1, stdout: "" });
});

test("the registry stops also while it is being cleared", async () => {
  const { scratch, script, command, run } = place();
  mkdirSync(join(scratch, "docker"));
  command("docker-registry", `#!/bin/sh\nkill -TERM "$PPID"\n`);
  expect(await run("sh", script("registry/registry.sh"), ["store"])).toEqual({ code: 0, stdout: "" });
});
