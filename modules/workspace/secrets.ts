import { spawn } from "node:child_process";
import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EXIT, TerraceError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { type SecretSources, secretVariable } from "../secrets/index.ts";
import { dateOf } from "../units/index.ts";
import { readSealed, type Sealed, sealedFile, writeSealed } from "./age.ts";

export type SourceName = "environment" | "file" | "age" | "command";

const NONE: SecretSources = { recipients: [], command: undefined };
/** How long a command may take to print a value, in ms: a person may have to unlock something. */
const PATIENCE = 120_000;

/**
 * The values of a site's secrets. In this order: the environment (`TERRACE_SECRET_SITE_NAME`, the site's name in capitals with `_`
 * for `-`), the file `secrets/SITE/NAME`, which Git ignores, the encrypted file `secrets/SITE.age`, the command of `platform.yaml`.
 * A line end at the end of a file or of what the command prints is not part of the value.
 *
 * @param where what names the secrets, for whoever has to mend it
 * @throws TerraceError `TERRACE_SECRET_MISSING` for the first name without a value, and what the sources throw
 */
export async function readSecrets(
  root: string,
  site: string,
  names: readonly string[],
  sources: SecretSources = NONE,
  where = `site-configs/${site}.yaml`,
): Promise<Record<string, Secret>> {
  let sealed: Promise<Map<string, Sealed>> | undefined;
  const entries: [string, Secret][] = [];
  // One after another: a command may ask the person at the terminal.
  for (const name of names) {
    const plain = fromEnvironment(site, name) ?? (await fromFile(root, site, name));
    sealed ??= plain === undefined ? readSealed(root, site) : undefined;
    const value = plain ?? (await sealed)?.get(name)?.value ?? (await fromCommand(site, name, sources.command));
    if (value === undefined) throw missing(site, name, where);
    entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}

function fromEnvironment(site: string, name: string): Secret | undefined {
  const value = process.env[secretVariable(site, name)];
  return value === undefined || value === "" ? undefined : new Secret(value);
}

function plainFile(site: string, name: string): string {
  return join("secrets", site, name);
}

async function fromFile(root: string, site: string, name: string): Promise<Secret | undefined> {
  const path = plainFile(site, name);
  const text = await readFile(join(root, path), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new TerraceError("TERRACE_SECRET_FILE", `the secret ${name} of ${site} cannot be read`, {
      where: path,
      why: error.code,
      next: "are the file's rights right?",
    });
  });
  return text === undefined ? undefined : new Secret(text.replace(/\r?\n$/, ""));
}

async function fromCommand(site: string, name: string, command: string[] | undefined): Promise<Secret | undefined> {
  const [program = "", ...args] = command ?? [];
  if (program === "") return undefined;
  const env = { ...process.env, TERRACE_SECRET_SITE: site, TERRACE_SECRET_NAME: name };
  // It may ask on the terminal, and what it complains about is for the person there.
  const child = spawn(program, [...args, site, name], {
    env,
    stdio: ["inherit", "pipe", "inherit"],
    timeout: PATIENCE,
  });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  const why = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => resolve(`it cannot be run (${error.code})`));
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : `it ended with ${code ?? signal}`));
  });
  const value = Buffer.concat(pieces)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (why === undefined && value !== "") return new Secret(value);
  throw new TerraceError("TERRACE_SECRET_COMMAND", `the command gave no value for the secret ${name} of ${site}`, {
    where: `platform.yaml, secrets.command: ${program}`,
    why: why ?? "it printed nothing",
    next: `run it by hand: ${[...(command ?? []), site, name].join(" ")}`,
  });
}

function missing(site: string, name: string, where: string): TerraceError {
  return new TerraceError("TERRACE_SECRET_MISSING", `the secret ${name} of ${site} has no value here`, {
    where,
    next: `terrace secret set ${site} ${name}; or put it into the file ${plainFile(site, name)} (git ignores it), or into the variable ${secretVariable(site, name)}`,
  });
}

/** What is known of a secret without its value. */
export interface SecretOrigin {
  /** `undefined` where there is no value here. */
  source: SourceName | undefined;
  /** The day it was set, `YYYY-MM-DD`, where that is known. */
  set: string | undefined;
}

/** Where the values of some secrets would come from. The command is not run. */
export async function secretOrigins(
  root: string,
  site: string,
  names: readonly string[],
  sources: SecretSources,
): Promise<Map<string, SecretOrigin>> {
  const sealed = await readSealed(root, site);
  const all = [...new Set([...names, ...sealed.keys()])];
  const origins = all.map(async (name): Promise<[string, SecretOrigin]> => {
    if (fromEnvironment(site, name) !== undefined) return [name, { source: "environment", set: undefined }];
    const file = await stat(join(root, plainFile(site, name))).catch(() => undefined);
    if (file !== undefined) return [name, { source: "file", set: dateOf(file.mtime) }];
    const inAge = sealed.get(name);
    if (inAge !== undefined) return [name, { source: "age", set: inAge.set }];
    return [name, { source: sources.command === undefined ? undefined : "command", set: undefined }];
  });
  return new Map(await Promise.all(origins));
}

/**
 * Keeps a value where the site's will be read from: in its plain file where there is one, else in the encrypted one. Returns that
 * file, and what puts the value before back.
 *
 * @throws TerraceError `TERRACE_SECRET_SOURCE` where the value would not be read from there, and what {@link writeSealed} throws
 */
export async function writeSecret(
  root: string,
  site: string,
  name: string,
  value: Secret,
  sources: SecretSources,
): Promise<{ path: string; undo(): Promise<void> }> {
  if (fromEnvironment(site, name) !== undefined)
    throw notOurs(site, name, `the variable ${secretVariable(site, name)}`);
  const path = plainFile(site, name);
  const before = await fromFile(root, site, name);
  if (before !== undefined) {
    await replaceFile(join(root, path), value);
    return { path, undo: () => replaceFile(join(root, path), before) };
  }
  const sealed = await readSealed(root, site);
  if (!sealed.has(name) && sources.command !== undefined && sources.recipients.length === 0) {
    throw notOurs(site, name, `the command ${sources.command[0]}`);
  }
  const set = dateOf(new Date());
  await writeSealed(root, site, new Map([...sealed, [name, { value, set }]]), sources.recipients);
  return { path: sealedFile(site), undo: () => writeSealed(root, site, sealed, sources.recipients) };
}

function notOurs(site: string, name: string, where: string): TerraceError {
  return new TerraceError("TERRACE_SECRET_SOURCE", `the secret ${name} of ${site} is not kept here`, {
    where,
    why: "it comes from there, and would go on coming from there",
    next: "change it there; then `terrace up` rolls the site over to it",
    exitCode: EXIT.usage,
  });
}

async function replaceFile(path: string, value: Secret): Promise<void> {
  await writeFile(`${path}.new`, value.reveal(), { mode: 0o600 });
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
}
