/** One thing wrong with a file that somebody wrote, with its address. All problems of all files are reported at once. */
export interface Problem {
  /** Permanent, e.g. `unknown-key`, `duplicate-domain`. */
  rule: string;
  severity: "error" | "warning";
  /** Relative to the workspace, e.g. `site-configs/shop.yaml`. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based. */
  column: number;
  /** Dotted path, e.g. `scale.memory`; empty for the file as a whole. */
  key: string;
  /** The rule and the value, e.g. `must be a size like 64MiB, got 64`. Never holds a secret. */
  message: string;
}

/** `site-configs/shop.yaml:14:9 scale.memory: must be a size like 64MiB, got 64` */
export function formatProblem(problem: Problem): string {
  const address = `${problem.file}:${problem.line}:${problem.column}`;
  return problem.key === "" ? `${address} ${problem.message}` : `${address} ${problem.key}: ${problem.message}`;
}
