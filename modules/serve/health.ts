import { z } from "zod";
import type { HealthPart } from "../site/service.ts";
import { durationOf, durationSchema } from "../units/index.ts";

/**
 * The timeout is long on purpose. Swarm ends the container whose check fails, also the only one; and a check starts a process
 * within the container's share of CPU, which takes seconds where the site or its server is busy.
 */
const DEFAULTS = { path: "/", interval: "5s", timeout: "15s", retries: 3, start: "30s" } as const;

/** Nothing in it that a shell would read as its own. */
const PATH = /^\/[A-Za-z0-9._~/?&=%+,:;@-]*$/;

const times = {
  interval: durationSchema({ min: "1s", max: "1h" })
    .optional()
    .meta({ description: "Time between two checks.", examples: ["5s"], default: DEFAULTS.interval }),
  timeout: durationSchema({ min: "1s", max: "10m" })
    .optional()
    .meta({ description: "A check that takes longer has failed.", examples: ["15s"], default: DEFAULTS.timeout }),
  retries: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: "So many failures in a row make it unhealthy.", examples: [3], default: DEFAULTS.retries }),
  start: durationSchema({ min: "0s", max: "1h" })
    .optional()
    .meta({
      description: "Time to start up, in which failures do not count.",
      examples: ["30s"],
      default: DEFAULTS.start,
    }),
};

const check = z
  .strictObject({
    path: z
      .string()
      .regex(PATH, { error: "must be a path like /healthz" })
      .optional()
      .meta({
        description:
          "Asked for over HTTP inside the container: below 400 is healthy. Needs curl, wget or bash in the image.",
        examples: ["/healthz"],
        default: DEFAULTS.path,
      }),
    command: z
      .array(z.string())
      .min(1, { error: "must hold at least the program's name" })
      .optional()
      .meta({
        description: "Run inside the container instead of the HTTP check: exit code 0 is healthy.",
        examples: [["pg_isready", "-q"]],
        absent: "the HTTP check",
      }),
    ...times,
  })
  .refine((typed) => typed.path === undefined || typed.command === undefined, {
    error: "must have either path or command, not both",
  });

export const healthSchema = z.union([check, z.literal("none")], { error: "must be a map or the word none" });

export type HealthInput = z.infer<typeof healthSchema>;

/** `undefined` where the site wants no check. */
export function resolveHealth(typed: HealthInput | undefined, port: number): HealthPart | undefined {
  if (typed === "none") return undefined;
  const timeout = durationOf(typed?.timeout ?? DEFAULTS.timeout);
  return {
    test:
      typed?.command === undefined
        ? ["CMD-SHELL", httpCheck(port, typed?.path ?? DEFAULTS.path, Math.ceil(timeout / 1000))]
        : ["CMD", ...typed.command],
    interval: durationOf(typed?.interval ?? DEFAULTS.interval),
    timeout,
    retries: typed?.retries ?? DEFAULTS.retries,
    start: durationOf(typed?.start ?? DEFAULTS.start),
  };
}

/**
 * A shell script that asks for a path with whatever the image has. Exit code 0 where the status is below 400.
 * Not `localhost`: that may be `::1`, where many servers do not listen.
 */
export function httpCheck(port: number, path: string, seconds: number): string {
  const url = `'http://127.0.0.1:${port}${path}'`;
  const bash = [
    `exec 3<>/dev/tcp/127.0.0.1/${port} || exit 1`,
    `printf "GET %s HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n" "$1" >&3`,
    "read -r version status rest <&3",
    `case "$status" in [123]??) exit 0;; esac`,
    `echo "status: $status"; exit 1`,
  ].join("; ");
  return [
    `if command -v curl >/dev/null 2>&1; then exec curl -fsS -m ${seconds} -o /dev/null ${url}; fi`,
    `if command -v wget >/dev/null 2>&1; then exec wget -q -T ${seconds} -O /dev/null ${url}; fi`,
    `if command -v bash >/dev/null 2>&1; then exec bash -c '${bash}' check '${path}'; fi`,
    `echo "the health check needs curl, wget or bash in the image: add one, or set health.command, or health: none" >&2`,
    "exit 1",
  ].join("\n");
}
