import { TerraceError } from "../core/errors.ts";

/**
 * What managers answer while they have no leader, or don't reach the one they know: in the moments in which another one becomes it, and
 * for good where more than half of them are lost.
 */
const LEADERLESS =
  /does not have a leader|lost leader status|leadership|no elected.*leader|code = (DeadlineExceeded|Unavailable)/i;

/** Whether an answer of the Engine API says that its Swarm has no leader just now. */
export function isLeaderless(error: unknown): boolean {
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  return statusCode === 500 && LEADERLESS.test(message ?? "");
}

/**
 * A Swarm that can decide nothing any more.
 *
 * @param asked names of managers that say so
 */
export function noQuorum(asked: string[] = []): TerraceError {
  return new TerraceError("TERRACE_POOL_NO_QUORUM", "the Swarm has lost more than half of its managers", {
    where: asked.length === 0 ? undefined : `asked on ${asked.join(", ")}`,
    why: "sites go on answering where their servers are up; nothing can be changed",
    next: "bring the other managers back; where they are lost for good: terrace pool recover (docs/recover.md)",
  });
}
