import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { EDGE } from "../../modules/edge/index.ts";
import { BASE_RECIPE, IMAGES } from "../../modules/images/index.ts";

const folder = new URL("../../modules/images/", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, folder), "utf8");

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
  const scratch = mkdtempSync(join(tmpdir(), "terrace-words-"));
  onTestFinished(() => rmSync(scratch, { recursive: true }));
  const common = text("backup/common.sh").replaceAll("/tmp/words", join(scratch, "words"));
  const rounds = `${common}
late=0
for round in {1..100}; do
  : >"$WORDS"
  run sh -c "echo word $round >&2; exit 3"
  [ "$?" = 3 ] && [ "$(<"$WORDS")" = "word $round" ] || late=$((late + 1))
done
echo "late: $late"`;
  const { stdout } = await promisify(execFile)("bash", ["-c", rounds]);
  expect(stdout).toBe("late: 0\n");
});
