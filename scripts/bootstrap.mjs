// What `npm start`, `npm test` and `npm run bench` do first on any machine: check Node, install the packages, build. Plain JavaScript
// without a dependency, because nothing is installed yet when it runs.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

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

/**
 * Runs a program. `quiet` keeps its output back; either way the answer holds the exit code and, when quiet, the output. `low` gives it
 * what others leave of the processor.
 */
function run(command, args, { quiet = false, low = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
    });
    if (low) lower(child.pid);
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

/** Whoever runs at a lower priority already may not be allowed to choose this one: then it stays. */
function lower(pid) {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {}
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
  process.stdout.write("\n== Tests\n");
  const counts = await runTests(bin("vitest"), args);
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  if (failed > 0) failures.push("Tests");
  // Last of all, and short: whoever reads the end of a long log should know what to run again.
  process.stdout.write(`\n${counts.flatMap((count) => count.told).join("\n")}`);
  process.stdout.write(`\n${failures.length === 0 ? "" : `Failed: ${failures.join(", ")}\n`}`);
  process.stdout.write(`${passed} passed, ${failed + failures.filter((title) => title !== "Tests").length} failed\n`);
  return failures.length === 0 ? 0 : 1;
}

/** All tests: those with Docker first; those without beside them, with what they leave of the processor, and their words at the end. */
async function runTests(vitest, args) {
  const folder = mkdtempSync(join(tmpdir(), "terrace-test-"));
  const group = async (name, more, options) => {
    const json = join(folder, `${name}.json`);
    // What is shown afterwards needs no line for each file.
    const reporters = [
      `--reporter=${options?.quiet ? "dot" : "default"}`,
      "--reporter=json",
      `--outputFile.json=${json}`,
    ];
    const { code, output } = await run(vitest, ["run", ...reporters, ...more], options);
    const { passed, failed, told } = countTests(json);
    // A run that failed without a failing test (a crash, an error outside of any test) must not be reported as clean.
    return { passed, failed: failed === 0 && code !== 0 ? 1 : failed, told, output };
  };
  try {
    if (args.length > 0) return [await group("all", args)];
    const counts = await Promise.all([
      group("docker", ["--project", "docker", "--project", "cluster"]),
      group("unit", ["--project", "unit"], { quiet: true, low: true }),
    ]);
    const { output } = counts[1];
    process.stdout.write(
      `\n== Tests without Docker\n${process.stdout.isTTY ? output : stripVTControlCharacters(output)}`,
    );
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How many passed and failed in one report, and each failure in a few lines. A file that fails before its first test counts as one. */
function countTests(file) {
  let result;
  try {
    result = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Not there, or not written to its end.
    return { passed: 0, failed: 1, told: [] };
  }
  const told = result.testResults.flatMap((each) => {
    const where = relative(root, each.name);
    const failed = each.assertionResults.filter((one) => one.status === "failed");
    if (failed.length > 0) return failed.map((one) => tell(where, one.fullName, one.failureMessages.join("\n")));
    return each.status === "failed" ? [tell(where, "the file itself", each.message)] : [];
  });
  return { passed: result.numPassedTests, failed: told.length, told };
}

/** `FAIL file > test`, and of its words the first lines, without where in the code they came from. */
function tell(where, title, text) {
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
  return [`FAIL ${where} > ${title}`, ...lines.slice(0, 12).map((line) => `  ${line.slice(0, 300)}`), ""].join("\n");
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
