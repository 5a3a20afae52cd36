import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { TerraceError } from "../core/errors.ts";
import { classify, keyLocked } from "./faults.ts";
import { findKey, knownHostsFiles } from "./files.ts";
import type { Target } from "./types.ts";

export interface ConnectOptions {
  /** The workspace's folder, with `secrets/ssh` in it. */
  root: string;
  signal?: AbortSignal;
  /** Seconds until a server that does not answer is given up. Default 10. */
  patience?: number;
}

export interface RunOptions {
  /** What the script reads from its standard input. Secrets belong here: arguments show in process lists. */
  input?: string | Readable;
  /** ms; the default is two minutes. */
  limit?: number;
  signal?: AbortSignal;
}

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Connections of this process that are still open: they must not outlive it. */
const open = new Set<Connection>();
process.on("exit", () => {
  for (const each of open) each.close();
});

/**
 * One connection to a server, over which all commands and forwarded sockets go: it is logged in once. Host keys are checked, nothing
 * is asked, and nothing secret is an argument.
 */
export class Connection {
  readonly target: Target;
  readonly #folder: string;
  readonly #options: string[];

  private constructor(target: Target, folder: string, options: string[]) {
    this.target = target;
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * Logs in.
   *
   * @throws TerraceError `TERRACE_NODE_UNREACHABLE`, `TERRACE_SSH_MISSING`, `TERRACE_SSH_HOST_UNKNOWN`, `_HOST_CHANGED`, `_DENIED`,
   * `_KEY_MISSING`, `_KEY_OPEN`, `_KEY_LOCKED`
   */
  static async open(target: Target, { root, signal, patience = 10 }: ConnectOptions): Promise<Connection> {
    const key = await findKey(root, target.ssh.key);
    const folder = mkdtempSync(join(tmpdir(), "terrace-ssh-"));
    const options = sshOptions(target, { key, knownHosts: knownHostsFiles(root) }, folder, patience);
    const connection = new Connection(target, folder, options);
    open.add(connection);
    try {
      // `-f`: ends once it is logged in, and leaves the connection in the background.
      const login = { limit: (patience + 5) * 1000, signal };
      const { code, stderr } = await execute("ssh", ["-fNM", ...options, "--", target.address], login, "exit");
      if (code === 0) return connection;
      const fault = classify(target, stderr);
      if (fault.code === "TERRACE_SSH_DENIED" && key !== undefined && (await isLocked(key)))
        throw keyLocked(target, key);
      throw fault;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Runs a shell script as the user who logged in. Throws only where the connection breaks. */
  async run(script: string, options: RunOptions = {}): Promise<Ended> {
    const ended = await execute("ssh", [...this.#options, "--", this.target.address, script], options);
    if (ended.code === 255 && !(await this.#lives())) throw classify(this.target, ended.stderr);
    return ended;
  }

  /** Runs a shell script as root: by `sudo` without a password where another user logged in. */
  root(script: string, options: RunOptions = {}): Promise<Ended> {
    const user = this.target.ssh.user;
    return this.run(user === "root" ? script : `sudo -n sh -c ${quote(script)}`, options);
  }

  /**
   * Brings a Unix socket of the server, or a port (`127.0.0.1:5325`) as it reaches it, here; returns the path of the socket.
   *
   * @param name of the socket's file: another one for each thing that is forwarded
   */
  async forward(remote: string, name = "forwarded"): Promise<string> {
    const local = join(this.#folder, `${name}.sock`);
    const args = [...this.#options, "-O", "forward", "-L", `${local}:${remote}`, "--", this.target.address];
    const { code, stderr } = await execute("ssh", args, { limit: 15_000 });
    if (code !== 0) throw classify(this.target, stderr);
    return local;
  }

  /** Ends it, and with it all that it forwards. */
  close(): void {
    if (!open.delete(this)) return;
    spawnSync("ssh", [...this.#options, "-O", "exit", "--", this.target.address], { stdio: "ignore", timeout: 5000 });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #lives(): Promise<boolean> {
    const args = [...this.#options, "-O", "check", "--", this.target.address];
    return (await execute("ssh", args, { limit: 5000 })).code === 0;
  }
}

/** Options are given, not read: the user's own `~/.ssh/config` still names proxies and the like. */
function sshOptions(
  { ssh }: Target,
  { key, knownHosts }: { key: string | undefined; knownHosts: string[] },
  folder: string,
  patience: number,
): string[] {
  const settings = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts.map((path) => `"${path}"`).join(" ")}`,
    "UpdateHostKeys=no",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    `ConnectTimeout=${patience}`,
    // A server that is cut off is noticed after 15 s.
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    `ControlPath=${join(folder, "%C")}`,
    // The time after which it ends by itself should this process be killed.
    "ControlPersist=600",
    "StreamLocalBindUnlink=yes",
    "ExitOnForwardFailure=yes",
    "LogLevel=ERROR",
    ...(key === undefined ? [] : ["IdentitiesOnly=yes"]),
  ];
  const named = key === undefined ? [] : ["-i", key];
  return ["-p", String(ssh.port), "-l", ssh.user, ...named, ...settings.flatMap((setting) => ["-o", setting])];
}

/** Whether a private key cannot be read without a passphrase. */
async function isLocked(key: string): Promise<boolean> {
  const { code } = await execute("ssh-keygen", ["-y", "-P", "", "-f", key], { limit: 5000 });
  return code !== 0;
}

/** `text` as one word of a shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param end `close` waits for all output; `exit` does where it fails: a connection that goes into the background keeps the pipes open */
async function execute(
  program: string,
  args: string[],
  options: RunOptions,
  end: "close" | "exit" = "close",
): Promise<Ended> {
  const { input, limit = 120_000, signal } = options;
  signal?.throwIfAborted();
  const child = spawn(program, args, { env: { ...process.env, LC_ALL: "C" }, stdio: ["pipe", "pipe", "pipe"] });
  const stop = () => child.kill("SIGTERM");
  const timer = setTimeout(stop, limit);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const ended = await gather(child, input, end);
    signal?.throwIfAborted();
    return ended;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new TerraceError("TERRACE_SSH_MISSING", `${program} is not installed on this machine`, {
      next: "apt-get install openssh-client",
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function gather(child: ChildProcess, input: RunOptions["input"], end: "close" | "exit"): Promise<Ended> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
  // A script may end without having read all of its input.
  child.stdin?.on("error", () => undefined);
  if (input === undefined || typeof input === "string") child.stdin?.end(input ?? "");
  else if (child.stdin) input.pipe(child.stdin);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    const done = (code: number | null) => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ code: code ?? 255, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    };
    child.on("close", done);
    // Only one that did what it was to is in the background then; why another one failed may be read after its end.
    if (end === "exit") child.on("exit", (code) => code === 0 && done(code));
  });
}
