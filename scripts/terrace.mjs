#!/usr/bin/env node
// The command `terrace`: builds itself when a source changed, then runs. Plain JavaScript, so that it can say what is
// missing on a machine where nothing is installed yet.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FLOOR = [20, 19];

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1])) {
  stop(
    `Terrace needs Node ${FLOOR.join(".")} or newer; this is ${process.version}. Install a newer Node and run it again.`,
  );
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (!existsSync(join(root, "node_modules"))) {
  stop(`Terrace's packages are not installed yet. Run "npm start" (or "npm ci") in ${root} first.`);
}

const { build, isFresh } = await import("./build.mjs");
if (!isFresh()) {
  try {
    await build();
  } catch (error) {
    stop(`Terrace could not be built from its sources: ${error.message}`);
  }
}
await import("../dist/terrace.js");
