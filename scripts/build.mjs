// Bundles scripts/main.ts to dist/, so that a command starts in a fraction of the time that loading the sources takes.
// Dynamic imports stay chunks of their own, loaded when they are needed.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const stamp = join(dist, "sources.sha256");
const WATCHED = ["scripts", "stacks", "modules", "package.json", "package-lock.json", "tsconfig.json"];
const DAY = 24 * 3600 * 1000;

// Parts of dockerode that load native or very large packages, and that most commands never use (ssh:// hosts, BuildKit
// sessions): taken from node_modules at the moment of their first use.
const LAZY = ["docker-modem/lib/ssh.js", "dockerode/lib/session.js", "dockerode/lib/buildkit.js"];

/** A digest of every source's path, size and time: differs as soon as one was added, changed or removed. */
export function fingerprint() {
  const hash = createHash("sha256").update(process.version);
  const visit = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
    }
  };
  for (const name of WATCHED) visit(join(root, name));
  return hash.digest("hex");
}

/** Whether dist/ was built from the sources as they are now. */
export function isFresh(digest = fingerprint()) {
  try {
    return readFileSync(stamp, "utf8") === digest;
  } catch {
    return false;
  }
}

function lazyDocker() {
  const pattern = LAZY.join("|").replaceAll(".", "\\.");
  return {
    name: "lazy-docker",
    setup(builder) {
      builder.onLoad({ filter: new RegExp(`/(${pattern})$`) }, ({ path }) => {
        const target = JSON.stringify(LAZY.find((end) => path.endsWith(end)));
        const contents = path.endsWith("buildkit.js")
          ? `module.exports = new Proxy({}, { get: (_, name) => require(${target})[name] });`
          : `module.exports = (...args) => require(${target})(...args);`;
        return { contents, loader: "js" };
      });
      builder.onResolve({ filter: new RegExp(`^(${pattern})$`) }, ({ path }) => ({ path, external: true }));
    },
  };
}

/** zod carries its messages in 50 languages, of which it uses one unless told otherwise: the others only cost start-up time. */
const oneLanguage = {
  name: "one-language",
  setup(builder) {
    builder.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({ contents: "export {};", loader: "js" }));
  },
};

const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
].join("\n");

/** Builds dist/ afresh; throws esbuild's own readable error. */
export async function build() {
  const { build: bundle } = await import("esbuild");
  const digest = fingerprint();
  const result = await bundle({
    absWorkingDir: root,
    entryPoints: { terrace: "scripts/main.ts" },
    outdir: dist,
    chunkNames: "[name]-[hash]",
    bundle: true,
    write: false,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "linked",
    sourcesContent: false,
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "silent",
    banner: { js: BANNER },
    define: { __dirname: "import.meta.dirname", __filename: "import.meta.filename" },
    external: ["@pulumi/*", "@peculiar/x509", "reflect-metadata", "tsx", "tsx/*", "esbuild", "cpu-features", "ssh2"],
    plugins: [lazyDocker(), oneLanguage],
  });
  for (const warning of result.warnings) process.stderr.write(`build: ${warning.text}\n`);
  publish(result.outputFiles, digest);
}

/**
 * Two builds may run at once, and a command that started before may still load its chunks: a chunk's name holds the
 * hash of its content, files appear whole by a rename, the entry last, and what no longer belongs goes after a day.
 */
function publish(files, digest) {
  mkdirSync(dist, { recursive: true });
  const isEntry = (file) => basename(file.path).startsWith("terrace.js");
  const ordered = [...files.filter((file) => !isEntry(file)), ...files.filter(isEntry)];
  for (const file of ordered) put(file.path, file.contents);
  put(stamp, digest);
  const current = new Set([...files.map((file) => basename(file.path)), basename(stamp)]);
  for (const name of readdirSync(dist)) {
    if (current.has(name)) continue;
    const stat = statSync(join(dist, name), { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > DAY)
      rmSync(join(dist, name), { recursive: true, force: true });
  }
}

function put(path, contents) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await build();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
