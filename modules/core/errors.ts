/**
 * An error that the user can mend: what happened, where, why, and what to do next. Printed without a stack trace.
 * Any other error is ours and is printed with one.
 */
export class TerraceError extends Error {
  override readonly name = "TerraceError";
  /** Permanent, e.g. `TERRACE_PORT_TAKEN`. Programs compare codes, never messages. */
  readonly code: string;
  readonly where: string | undefined;
  readonly why: string | undefined;
  readonly next: string | undefined;
  readonly exitCode: ExitCode;
  /** What tells errors of one code apart, for programs: e.g. `no-node`. As permanent as the code. */
  readonly reason: string | undefined;
  /** Of a deploy that failed: whether the version before was put back and serves. */
  readonly rolledBack: boolean | undefined;

  constructor(
    code: string,
    what: string,
    more: {
      where?: string;
      why?: string;
      next?: string;
      exitCode?: ExitCode;
      reason?: string;
      rolledBack?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(what, { cause: more.cause });
    this.code = code;
    this.where = more.where;
    this.why = more.why;
    this.next = more.next;
    this.exitCode = more.exitCode ?? EXIT.failed;
    this.reason = more.reason;
    this.rolledBack = more.rolledBack;
  }
}

/** The exit codes of every command. They never change. */
export const EXIT = { done: 0, failed: 1, usage: 2, changes: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
