import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type Dockerode from "dockerode";
import { stringify } from "yaml";
import { connect } from "../../modules/docker/client.ts";
import { removePlatform } from "./cleanup.ts";
import { Cluster } from "./cluster.ts";
import { uniquePlatform } from "./names.ts";
import { freePorts } from "./ports.ts";
import { freeRanges } from "./ranges.ts";
import { ROOT } from "./sources.ts";
import { Visitor } from "./visitor.ts";

/** How a command ended. */
export interface Ended {
  /** The exit code; the signal's name where one ended it. */
  code: number | string;
  stdout: string;
  stderr: string;
  /** Standard output and then standard error. */
  all: string;
}

/** A command that was started and may still run. */
export interface Started {
  child: ChildProcess;
  /** What it has written so far, both streams. */
  written(): string;
  ended: Promise<Ended>;
}

/** Site files by name, as they would be written by hand. */
export type Sites = Record<string, object>;

/**
 * A workspace of a test's own: a folder with platform.yaml, site files and pages, for a platform that nobody else uses: own name, own
 * ports, own address ranges.
 */
export class Workspace {
  readonly folder: string;
  readonly docker: Dockerode;
  readonly cluster: Cluster;
  readonly visitor: Visitor;
  /** Of the platform. */
  readonly name: string;
  /** The platform's domain. */
  readonly domain: string;
  /** Variables beside those of the test's process. */
  env: Record<string, string> = {};
  /** What comes before each command, e.g. `nsenter` to another network. */
  through: string[] = [];

  private constructor(docker: Dockerode, folder: string, name: string, ports: { http: number; https: number }) {
    this.docker = docker;
    this.folder = folder;
    this.name = name;
    this.domain = `${name}.localhost`;
    this.cluster = new Cluster(docker, name);
    this.visitor = new Visitor(this.domain, ports);
  }

  /** A workspace with these sites; nothing is deployed yet. */
  static async create(sites: Sites = {}): Promise<Workspace> {
    const docker = await connect();
    const [http = 0, https = 0] = await freePorts(2);
    const folder = await mkdtemp(join(tmpdir(), "terrace-workspace-"));
    const workspace = new Workspace(docker, folder, uniquePlatform(), { http, https });
    const networks = await freeRanges(docker);
    const { name: platform, domain } = workspace;
    await workspace.write("platform.yaml", stringify({ platform, domain, edge: { http, https }, networks }));
    for (const [name, content] of Object.entries(sites)) await workspace.site(name, content);
    return workspace;
  }

  /** Writes a file of the workspace, folders included. */
  async write(path: string, text: string): Promise<void> {
    const full = join(this.folder, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
  }

  /** Adds to a file. */
  add(path: string, text: string): Promise<void> {
    return appendFile(join(this.folder, path), text);
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.folder, path), { recursive: true });
  }

  /** Writes a site's file. */
  site(name: string, content: object): Promise<void> {
    return this.write(`site-configs/${name}.yaml`, stringify(content));
  }

  /** Writes a site of static pages, file and home page. */
  async pages(name: string, text: string, more: object = {}): Promise<void> {
    await this.write(`site-content/${name}/index.html`, `<!doctype html><title>${name}</title><p>${text}</p>\n`);
    await this.site(name, staticSite(name, more));
  }

  /** Runs `terrace ARGS` here. */
  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** Runs `terrace up --yes ARGS` and learns the platform's root. */
  async up(...args: string[]): Promise<Ended> {
    const ended = await this.run("up", "--yes", ...args);
    if (this.visitor.root === undefined) {
      const { code, stdout } = await this.run("trust");
      if (code === 0) this.visitor.root = stdout;
    }
    return ended;
  }

  /** Runs `terrace ARGS` here with a text as its standard input. */
  runWith(input: string, ...args: string[]): Promise<Ended> {
    const { child, ended } = this.start(...args);
    child.stdin?.end(input);
    return ended;
  }

  /** Starts `terrace ARGS` here. */
  start(...args: string[]): Started {
    const line = [...this.through, process.execPath, join(ROOT, "scripts/terrace.mjs"), ...args];
    const child = spawn(line[0] ?? "", line.slice(1), {
      cwd: this.folder,
      env: { ...process.env, XDG_CACHE_HOME: join(this.folder, ".cache"), NO_COLOR: "1", ...this.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // Nobody is at the other end, unless somebody writes there.
    if (!args.includes("--stdin") && args[1] !== "set") child.stdin.end();
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      stdout += piece;
    });
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      stderr += piece;
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on("close", (code, signal) =>
        resolve({ code: code ?? signal ?? "", stdout, stderr, all: stdout + stderr }),
      );
    });
    return { child, ended, written: () => stdout + stderr };
  }

  /** Removes the platform as a user would, and fails where anything of it is left then. */
  async destroy(): Promise<void> {
    this.visitor.close();
    try {
      const { code, all } = await this.run("destroy", "--confirm", this.name, "--volumes");
      if (code !== 0) throw new Error(`terrace destroy ended with ${code}:\n${all}`);
      const left = await this.cluster.everything();
      if (left.length > 0) throw new Error(`left behind by terrace destroy: ${left.join(", ")}`);
    } finally {
      await removePlatform(this.docker, this.name);
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

/** The file of a site of static pages; `www` is the portal. */
export function staticSite(name: string, more: object = {}): object {
  return {
    title: `Site ${name}`,
    kind: name === "www" ? "portal" : "service",
    domains: [name],
    serve: { static: `site-content/${name}` },
    ...more,
  };
}
