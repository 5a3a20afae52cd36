import colors from "picocolors";
import { TerraceError } from "../../modules/core/errors.ts";
import { formatProblem, type Problem } from "../../modules/core/problem.ts";

/** Colour only where a person looks on. */
export const paint = colors.createColors(process.stdout.isTTY === true && process.env.NO_COLOR === undefined);

/** A line of the result, on standard output. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** A line about the way there, on standard error, so that results can be piped. */
export function note(line: string): void {
  noteText(`${line}\n`);
}

/** The same, for a line that is not ended yet. */
export function noteText(text: string): void {
  process.stderr.write(text);
}

/** Notes with the seconds since now before each. */
export function stopwatch(): (line: string) => void {
  const started = performance.now();
  return (line) => note(`${paint.dim(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`)}  ${line}`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function printProblems(problems: Problem[]): void {
  for (const problem of problems) {
    const mark = problem.severity === "error" ? paint.red("error") : paint.yellow("warning");
    note(`${mark} ${formatProblem(problem)}`);
  }
}

/** What, where, why and what to do next for an error of the user's; with its stack for one of ours. */
export function printError(error: unknown): void {
  if (!(error instanceof TerraceError)) {
    note(
      `${paint.red("bug")} in Terrace, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return;
  }
  note(`${paint.red("error")} ${error.message} (${error.code})`);
  if (error.where !== undefined) note(`  where: ${error.where}`);
  if (error.why !== undefined) note(`  why:   ${error.why.replaceAll("\n", "\n         ")}`);
  if (error.next !== undefined) note(`  next:  ${error.next}`);
}

/** Of faults that ask for the same, so many are shown whole. */
const SHOWN_WHOLE = 3;

/** What is wrong with sites: where many say the same, as in a pool that is full, most are a name in one line. */
export function printFaults(faulty: { site: string; fault: TerraceError | undefined }[]): void {
  const alike = new Map<string, { site: string; fault: TerraceError }[]>();
  for (const { site, fault } of faulty) {
    if (fault === undefined) continue;
    const key = `${fault.code} ${fault.next}`;
    alike.set(key, [...(alike.get(key) ?? []), { site, fault }]);
  }
  for (const group of alike.values()) {
    const whole = group.length > SHOWN_WHOLE + 1 ? SHOWN_WHOLE : group.length;
    for (const { fault } of group.slice(0, whole)) printError(fault);
    const rest = group.slice(whole);
    if (rest.length === 0) continue;
    const names = rest.map(({ site }) => site).join(", ");
    note(`${paint.red("error")} the same of ${rest.length} more (${rest[0]?.fault.code}): ${names}`);
  }
}

/** An error as machines get it; what does not apply is absent. */
export function errorJson(error: TerraceError): object {
  const { code, reason, rolledBack, message, where, why, next } = error;
  return { code, reason, rolledBack, message, where, why, next };
}
