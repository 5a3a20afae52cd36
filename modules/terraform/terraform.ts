import { spawn } from "node:child_process";
import { basename } from "node:path";
import { z } from "zod";
import { TerraceError } from "../core/errors.ts";

/** A resource that an apply would change. */
export interface PlannedChange {
  /** E.g. `libvirt_domain.node-n1`. */
  address: string;
  actions: ("create" | "read" | "update" | "delete" | "no-op" | "forget")[];
}

const plannedChanges = z.looseObject({
  resource_changes: z
    .array(
      z.looseObject({
        address: z.string(),
        change: z.looseObject({
          actions: z.array(z.enum(["create", "read", "update", "delete", "no-op", "forget"])),
        }),
      }),
    )
    .default([]),
});

const PLAN_FILE = "terrace.tfplan";

/** One folder that holds a configuration. Nothing is asked on a terminal, and no argument ever holds a secret. */
export class Terraform {
  readonly #program: string;
  readonly #folder: string;
  readonly #report: (line: string) => void;
  readonly #signal: AbortSignal | undefined;

  /** @param report each line that the program prints, as it comes */
  constructor(program: string, folder: string, report: (line: string) => void, signal?: AbortSignal) {
    this.#program = program;
    this.#folder = folder;
    this.#report = report;
    this.#signal = signal;
  }

  /** Fetches the providers that the configuration names, from where the program is set up to look for them. */
  async init(): Promise<void> {
    await this.#run(["init", "-input=false", "-no-color"], { shown: true });
  }

  /** Works out what is to be done, keeps it for {@link apply}, and returns it. Changes nothing. */
  async plan(): Promise<PlannedChange[]> {
    await this.#run(["plan", "-input=false", "-no-color", `-out=${PLAN_FILE}`], { shown: true });
    const text = await this.#run(["show", "-json", PLAN_FILE], { shown: false });
    const { resource_changes: changes } = this.#parse(text, plannedChanges);
    return changes
      .map(({ address, change }) => ({ address, actions: change.actions }))
      .filter(({ actions }) => actions.some((action) => action !== "no-op" && action !== "read"));
  }

  /** Carries out what the last {@link plan} worked out, and nothing else. */
  async apply(): Promise<void> {
    await this.#run(["apply", "-input=false", "-no-color", PLAN_FILE], { shown: true });
  }

  /** One of the outputs of what was applied. */
  async output<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const text = await this.#run(["output", "-json", name], { shown: false });
    return this.#parse(text, schema);
  }

  #parse<T>(text: string, schema: z.ZodType<T>): T {
    const fault = (why: string) =>
      new TerraceError("TERRACE_TERRAFORM", `${basename(this.#program)} answered with what cannot be read`, {
        where: this.#folder,
        why,
        next: "is it OpenTofu, or Terraform 1.5 or newer?",
      });
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw fault(error instanceof z.ZodError ? z.prettifyError(error) : String(error));
    }
  }

  /** Runs the program to its end; its standard output. An interrupt is passed on, and its end waited for: half an apply is recorded. */
  #run(args: string[], { shown }: { shown: boolean }): Promise<string> {
    this.#signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const env = { ...process.env, TF_IN_AUTOMATION: "1", CHECKPOINT_DISABLE: "1" };
      const child = spawn(this.#program, args, { cwd: this.#folder, env, stdio: ["ignore", "pipe", "pipe"] });
      const stop = () => child.kill("SIGINT");
      this.#signal?.addEventListener("abort", stop, { once: true });
      let output = "";
      const tail: string[] = [];
      const told = (line: string) => {
        tail.push(line);
        if (shown) this.#report(line);
      };
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
      if (shown) lines(child.stdout, told);
      lines(child.stderr, told);
      child.on("error", (error) => tail.push(error.message));
      child.on("close", (code) => {
        this.#signal?.removeEventListener("abort", stop);
        if (this.#signal?.aborted) reject(this.#signal.reason);
        else if (code === 0) resolve(output);
        else reject(this.#failure(args[0] ?? "", tail));
      });
    });
  }

  #failure(command: string, tail: string[]): TerraceError {
    const program = basename(this.#program);
    return new TerraceError("TERRACE_TERRAFORM", `${program} ${command} failed`, {
      where: this.#folder,
      why: tail
        .filter((line) => line.trim() !== "")
        .slice(-12)
        .join("\n"),
      next: "mend what it names and run this again: what was made already is known and kept",
    });
  }
}

/** Calls back for each line of a stream, the last one too where it does not end in a newline. */
function lines(stream: NodeJS.ReadableStream, each: (line: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer | string) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) each(line);
  });
  stream.on("end", () => {
    if (rest !== "") each(rest);
  });
}
