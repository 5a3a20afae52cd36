// What `npm start`, `npm test` and `npm run bench` do first on any machine: check Node, install the packages, build. Plain JavaScript
// without a dependency, because nothing is installed yet when it runs.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, "package-lock.json");
/** Holds the hash of the lock file that node_modules was installed from. `npm ci` removes it together with the packages. */
const marker = join(root, "node_modules", ".installed-from");
const FLOOR = [20, 19];

class Stop extends Error {}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) return;
  throw new Stop(
    `Terrace needs Node ${FLOOR.join(".")} or newer; this is ${process.version}. Install a newer Node and run it again.`,
  );
}

/** Runs a program. `quiet` keeps its output back; either way the answer holds the exit code and, when quiet, the output. */
function run(command, args, { quiet = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
    });
    const output = [];
    child.stdout?.on("data", (chunk) => output.push(chunk));
    child.stderr?.on("data", (chunk) => output.push(chunk));
    // Ctrl-C reaches the child too: it ends cleanly and says what was done, and this process waits for it.
    const wait = () => {};
    process.on("SIGINT", wait);
    const done = (code, text) => {
      process.off("SIGINT", wait);
      resolve({ code, output: text });
    };
    child.on("error", (error) => done(127, error.message));
    child.on("close", (code, signal) =>
      done(code ?? (signal === "SIGINT" ? 130 : 1), Buffer.concat(output).toString()),
    );
  });
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

/** Installed by somebody's own `npm ci` counts too: npm writes its own marker after the lock file it read. */
function packagesAreCurrent() {
  if (existsSync(marker)) return readFileSync(marker, "utf8") === lockHash();
  const own = statSync(join(root, "node_modules", ".package-lock.json"), { throwIfNoEntry: false });
  return own !== undefined && own.mtimeMs >= statSync(lockFile).mtimeMs;
}

async function installPackages() {
  if (packagesAreCurrent()) return;
  const started = Date.now();
  process.stderr.write("Installing packages (npm ci) ... ");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // No package that Terrace uses needs its install script; not running any keeps the installation safe and without a compiler.
  // A registry that does not answer is told after seconds; npm's own retries take more than a minute.
  const retries = ["--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=8000"];
  const { code, output } = await run(npm, ["ci", "--no-audit", "--no-fund", "--ignore-scripts", ...retries], {
    quiet: true,
  });
  if (code !== 0) {
    process.stderr.write("failed\n");
    const unreachable =
      /\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|FETCH_ERROR)\b/.test(output);
    const lines = output.trimEnd().split("\n");
    const tail = lines.filter((line) => /^npm (error|ERR!) (?! |$)/.test(line)).slice(0, 12);
    throw new Stop(
      unreachable
        ? `The npm registry cannot be reached. Name a mirror that this machine can reach and run it again:\n  npm config set registry https://YOUR-MIRROR/\n\n${tail.join("\n")}`
        : `npm ci failed (exit ${code}):\n\n${tail.join("\n")}`,
    );
  }
  writeFileSync(marker, lockHash());
  process.stderr.write(`done in ${Math.round((Date.now() - started) / 1000)} s\n`);
}

async function buildSources() {
  const { build, isFresh } = await import("./build.mjs");
  if (isFresh()) return;
  await build().catch((error) => {
    throw new Stop(`Terrace could not be built from its sources: ${error.message}`);
  });
}

async function start(args) {
  return (await run(process.execPath, [join(root, "scripts", "terrace.mjs"), "start", ...args])).code;
}

/** Every fault at every call: 40 minutes. */
async function faults(args) {
  const vitest = join(root, "node_modules", ".bin", "vitest");
  return (await run(vitest, ["run", "--project", "docker", "tests/faults", ...args], { env: { FAULTS: "all" } })).code;
}

async function bench(args) {
  return (await run(process.execPath, ["--import", "tsx", join(root, "tests", "bench", "main.ts"), ...args])).code;
}

/** A real virtual server under QEMU: minutes, so it is no part of `test`. */
async function testVm(args) {
  const vitest = join(root, "node_modules", ".bin", "vitest");
  return (await run(vitest, ["run", "--config", join(root, "vitest.vm.config.ts"), ...args])).code;
}

/** The checks in the order of their cost. All of them run, so that one run shows everything that is wrong. */
async function test(args) {
  const bin = (name) => join(root, "node_modules", ".bin", name);
  const failures = [];
  const section = async (title, command, commandArgs) => {
    process.stdout.write(`\n== ${title}\n`);
    const { code } = await run(command, commandArgs);
    if (code !== 0) failures.push(title);
    return code;
  };
  await section("Format and lint", bin("biome"), ["check", "."]);
  await section("Types", bin("tsc"), ["--noEmit"]);
  const folder = mkdtempSync(join(tmpdir(), "terrace-test-"));
  const json = join(folder, "result.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${json}`];
  try {
    const code = await section("Tests", bin("vitest"), ["run", ...reporters, ...args]);
    const count = countTests(json);
    // A run that failed without a failing test (a crash, an error outside of any test) must not be reported as clean.
    const failed = count.failed + failures.filter((title) => title !== "Tests").length;
    const shown = failed === 0 && code !== 0 ? 1 : failed;
    process.stdout.write(`\n${failures.length === 0 ? "" : `Failed: ${failures.join(", ")}\n`}`);
    process.stdout.write(`${count.passed} passed, ${shown} failed\n`);
    return shown === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that fails before its first test counts as one failure. */
function countTests(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const result = JSON.parse(readFileSync(file, "utf8"));
  const broken = result.testResults.filter(
    (each) => each.status === "failed" && !each.assertionResults.some((one) => one.status === "failed"),
  );
  return { passed: result.numPassedTests, failed: result.numFailedTests + broken.length };
}

const TASKS = { start, test, faults, bench, "test:vm": testVm };

async function main() {
  const [name = "", ...args] = process.argv.slice(2);
  const task = TASKS[name];
  if (task === undefined)
    throw new Stop(`usage: node scripts/bootstrap.mjs ${Object.keys(TASKS).join("|")} [arguments]`);
  checkNode();
  await installPackages();
  await buildSources();
  return task(args);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Stop ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
