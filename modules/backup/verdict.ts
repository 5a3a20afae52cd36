import { formatSize } from "../units/index.ts";
import type { BackupRun } from "./history.ts";
import type { BackupEntry } from "./list.ts";
import { hasData } from "./recovery.ts";

/** Why something failed, as a permanent word, and as a sentence for people. */
export interface Verdict {
  reason: BackupReason;
  says: string;
}

export type BackupReason =
  | "empty"
  | "tiny"
  | "shrunken"
  | "unreadable"
  | "full"
  | "unreachable"
  | "denied"
  | "wrong-password"
  | "missing"
  | "corrupt"
  | "locked"
  | "dump"
  | "killed"
  | "foreign"
  | "memory"
  | "different"
  | "no-answer"
  | "failed";

/** How a job ended, as far as a verdict looks at it. */
export interface JobOutcome {
  code: number | undefined;
  fault: string | undefined;
  result: Record<string, unknown> | undefined;
  words: string[];
}

/** What restic and ssh say, the more telling first. */
const SIGNS: [RegExp, BackupReason, string][] = [
  [/no space left on device|disk quota exceeded|ENOSPC/i, "full", "there is no space left where the repository is"],
  [/wrong password or no key found/i, "wrong-password", "the repository has another password than this platform"],
  [
    /ciphertext verification failed|hash does not match|data mac|invalid data returned|checksum|unexpected EOF.*pack|Pack ID does not match|pack [0-9a-f]+.*(?:damaged|contains \d+ errors)|not contained in (?:any|the) (?:index|repository)|Load\(<(?:data|index|snapshot)|blob .* not found|repository contains errors|invalid encoding|cipher/i,
    "corrupt",
    "the repository is damaged",
  ],
  [/repository is already locked/i, "locked", "somebody else works on the repository"],
  [/x509: /, "unreachable", "the certificate of the repository's place is not to be trusted"],
  [
    /connection refused|no such host|i\/o timeout|timed? ?out|no route to host|network is unreachable|connection reset|Could not resolve|dial tcp|ssh command exited|Connection closed|Temporary failure|Name or service not known|nobody answers|Host key verification failed/i,
    "unreachable",
    "the repository's place does not answer",
  ],
  [
    /permission denied|access ?denied|403 Forbidden|401 Unauthorized|signature we calculated does not match|Access Key Id you provided does not exist/i,
    "denied",
    "the repository's place lets nobody in with these credentials",
  ],
  [
    /Is there a repository at the following location|unable to open config file|repository does not exist/i,
    "missing",
    "the repository is gone",
  ],
];

/** Why a job failed, or `undefined` where it did not. */
export function jobFault({ code, fault, result, words }: JobOutcome): Verdict | undefined {
  if (result?.ok === true && code === 0) return undefined;
  const said = [String(result?.words ?? ""), ...words].join("\n");
  if (fault !== undefined && /bind source path does not exist/i.test(fault)) {
    return {
      reason: "unreachable",
      says: `the repository's folder is not on the node: ${fault.split(":").at(-1)?.trim()}`,
    };
  }
  if (code === undefined) return { reason: "failed", says: fault ?? "its job did not start" };
  if (result === undefined) return killed(code, said);
  if (result.code === 143) return { reason: "killed", says: "its job was stopped before the end" };
  const stage = String(result.stage ?? "");
  const last = lastWords(String(result.words ?? "") || said);
  if (stage === "different" || stage === "missing") return { reason: "different", says: last };
  if (stage === "dump") return { reason: "dump", says: `the database could not be dumped (${last})` };
  if (stage === "foreign") return { reason: "foreign", says: last };
  if (stage === "visit") return { reason: "no-answer", says: last };
  const sign = SIGNS.find(([pattern]) => pattern.test(said));
  if (sign !== undefined) return { reason: sign[1], says: `${sign[2]} (${last})` };
  if (stage === "files" && result.code === 3)
    return { reason: "unreadable", says: `some files could not be read (${last})` };
  return {
    reason: "failed",
    says: `${stage || "its job"} ended with code ${result.code ?? code} (${last})`,
  };
}

function killed(code: number, said: string): Verdict {
  if (code === 137)
    return { reason: "killed", says: "its job was killed, or needed more memory than backup.memory gives" };
  return { reason: "failed", says: `its job ended with code ${code} (${lastWords(said)})` };
}

/** The last thing that was said, as one line that can be shown: at most 300 characters. */
function lastWords(said: string): string {
  const lines = said
    .split("\n")
    .map((line) => words(line))
    .filter((line) => line !== "");
  return (lines.at(-1) ?? "it said nothing").slice(0, 300);
}

function words(line: string): string {
  if (!line.startsWith("{")) return line.trim();
  try {
    const { error, item, during } = JSON.parse(line) as { error?: unknown; item?: string; during?: string };
    if (error === undefined) return "";
    const text =
      typeof error === "object" && error !== null && "message" in error ? String(error.message) : JSON.stringify(error);
    return `${during ?? ""} ${item ?? ""}: ${text}`.trim();
  } catch {
    return line.trim();
  }
}

/** What a backup that came to its end holds. `dump` is the size of the database's. */
export interface Held {
  bytes: number;
  files: number;
  dump: number | undefined;
}

/** How long a site may be without data before that is a failure, in ms: after that its volume is more likely not where it writes. */
export const YOUNG = 7 * 24 * 3_600_000;

export interface Judging {
  /** The last good one. */
  before: BackupRun | undefined;
  /** ms since the site is looked after: one that is new and never had data may be empty for a while. */
  age: number;
  /** Somebody says that little is right. */
  accept?: boolean;
}

/** Why a backup that came to its end is none to rely on, or `undefined` where it is good. */
export function judgeBackup(
  entry: Pick<BackupEntry, "content" | "volumes" | "database" | "shrink" | "smallest">,
  now: Held,
  { before, age, accept = false }: Judging,
): Verdict | undefined {
  if (!hasData(entry) && !entry.content) return undefined;
  if (entry.database !== undefined && (now.dump ?? 0) === 0)
    return { reason: "empty", says: "the database's dump is empty" };
  if (accept) return undefined;
  const little = littleIn(entry, now);
  if (little !== undefined) return hasData(entry) && mayBeSmall(entry, before, age) ? undefined : little;
  if (before === undefined) return undefined;
  return (
    lost("bytes", now.bytes, before.bytes ?? 0, entry.shrink) ??
    lost("files", now.files, before.files ?? 0, entry.shrink)
  );
}

type Limits = Pick<BackupEntry, "volumes" | "database" | "smallest">;

/** What makes a backup one of a site without data: nothing in it, or next to nothing. */
export function littleIn(entry: Limits, { bytes, files, dump }: Held): Verdict | undefined {
  if (files === 0 && (dump ?? 0) === 0) return { reason: "empty", says: "it holds no file and no row of the site" };
  if (!hasData(entry) || bytes >= entry.smallest) return undefined;
  const limit = formatSize(entry.smallest);
  return { reason: "tiny", says: `it holds ${bytes} bytes, less than backup.smallest (${limit})` };
}

/** Where there was never more, that is no loss: for a time, or for good where somebody said so. */
function mayBeSmall({ smallest }: Limits, before: BackupRun | undefined, age: number): boolean {
  if (before?.accepted !== undefined) return (before.bytes ?? 0) < Math.max(smallest, 1);
  return age < YOUNG && (before === undefined || before.young !== undefined);
}

function lost(what: string, now: number, before: number, shrink: number): Verdict | undefined {
  if (before === 0 || now >= before * (1 - shrink / 100)) return undefined;
  const percent = Math.round((1 - now / before) * 100);
  return {
    reason: "shrunken",
    says: `it holds ${now} ${what}; the last good one had ${before}: ${percent} % are gone`,
  };
}
