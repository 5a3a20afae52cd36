import { randomBytes } from "node:crypto";

/** A name of a test's platform: which process made it can be read from it, so that what a crashed run left can be told from what is in use. */
const GRAMMAR = /^tt-([0-9a-z]{1,6})-[0-9a-f]{6}$/;
const SEARCH = /tt-[0-9a-z]{1,6}-[0-9a-f]{6}/;

/** A platform's name that no other test uses, e.g. `tt-4fk-09c1ab`. Everything that is named after it is removed when the tests end. */
export function uniquePlatform(): string {
  return `tt-${process.pid.toString(36)}-${randomBytes(3).toString("hex")}`;
}

/** The process that made a test's platform, or `undefined` where the name is not one. */
export function maker(platform: string): number | undefined {
  const match = GRAMMAR.exec(platform);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 36);
}

/**
 * The test's platform that an object belongs to: the name of an object begins with its platform's, that of an image has it as its
 * first folder. `undefined` for everything else on the machine.
 */
export function testPlatformOf(name: string): string | undefined {
  const match = new RegExp(`^(?:[^/]+/)?(${SEARCH.source})(?:$|[-_/:])`).exec(name);
  return match?.[1];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
