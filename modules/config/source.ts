import type { Problem } from "../core/problem.ts";
import { textOf } from "./bytes.ts";
import { dotted, hasPath } from "./path.ts";
import { quickYaml } from "./quick.ts";
import type { FileBytes, Finding, Path } from "./types.ts";
import { type ParsedYaml, parseYaml } from "./yaml.ts";

/** One file's content as plain data, with a way back to the line that a value came from. */
export interface Source {
  file: string;
  /** `undefined` where {@link Source.problems} says why; else a map. */
  value: Record<string, unknown> | undefined;
  problems: Problem[];
  /** Is there anything at the path? */
  has(path: Path): boolean;
  /** The place of a key or value; where the path is missing, of the nearest thing around it. 1-based. */
  locate(path: Path, at: "key" | "value"): { line: number; column: number };
}

/** Reads one YAML file, strictly. Positions cost much more than values, so they are found only when asked for. */
export function readSource(input: FileBytes): Source {
  const file = input.path;
  const decoded = textOf(input.bytes);
  if (typeof decoded !== "string") return broken(file, [{ ...decoded, file, severity: "error", key: "" }]);
  let parsed: ParsedYaml | undefined;
  const full = () => {
    parsed ??= parseYaml(decoded, file);
    return parsed;
  };
  const value = quickYaml(decoded) ?? full().value;
  return {
    file,
    value,
    problems: value === undefined ? full().problems : [],
    has: (path) => hasPath(value, path),
    locate: (path, at) => full().locate(path, at),
  };
}

/** Gives a finding its address. */
export function problemAt(source: Pick<Source, "file" | "locate">, finding: Finding): Problem {
  const { rule, severity, path, at, message } = finding;
  return { rule, severity, file: source.file, ...source.locate(path, at), key: dotted(path), message };
}

function broken(file: string, problems: Problem[]): Source {
  return { file, value: undefined, problems, has: () => false, locate: () => ({ line: 1, column: 1 }) };
}
