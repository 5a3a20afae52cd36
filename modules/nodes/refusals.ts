import { TerraceError } from "../core/errors.ts";

/** The nodes are in a Swarm, but none of its managers answers. */
export function orphaned(names: string[]): TerraceError {
  const list = names.join(", ");
  return new TerraceError("TERRACE_POOL_NO_MANAGER", `${list}: in a Swarm of which no manager can be reached`, {
    where: "platform.yaml, pool",
    why: "another Swarm beside it would run every site twice",
    next: `name its managers in the file, and bring one back; where all are lost for good: \`docker swarm leave --force\` on ${list}, which ends the sites there, then run this again (docs/recover.md)`,
  });
}

/** Another node that is to be a manager did not come up as one. */
export function notPromoted(name: string, missing: string): TerraceError {
  return new TerraceError("TERRACE_NODE_JOIN", `${name}: was not made a manager`, {
    where: `node ${name}`,
    why: `${missing} is to be one, too, and did not come up: with both of them missing there could be no majority`,
    next: `mend what is said of ${missing}, then run this again`,
  });
}

/** Asked before anything is changed. */
export function portClosed(name: string, address: string): TerraceError {
  return new TerraceError(
    "TERRACE_NODE_JOIN",
    `${name}: was not made a manager: the others cannot reach its port 2377`,
    {
      where: `${address}, TCP 2377`,
      why: "something between the servers swallows what is sent there",
      next: "open it for all nodes of the pool, then run this again",
    },
  );
}

/** Why a manager is not reached: it never got in. */
export const LEFT_OUT = "left-out";

/** @param counts it is one all the same, by the count of the others: taking it out could leave them without a majority */
export function notReached(name: string, counts: boolean): TerraceError {
  return new TerraceError("TERRACE_NODE_JOIN", `${name}: was made a manager, but the others do not reach it as one`, {
    where: `node ${name}`,
    why: counts ? undefined : "it joins again as a worker: while it tries in vain it runs no containers",
    reason: counts ? undefined : LEFT_OUT,
    next: "is its port 2377 open for the other nodes? Then run this again",
  });
}

/** A manager that is to be none, while one that is to take its place does not decide yet. */
export function stillNeeded(name: string, missing: string): TerraceError {
  return new TerraceError("TERRACE_NODE_JOIN", `${name}: stays a manager for now`, {
    where: `node ${name}`,
    why: `${missing} is to be one and is not yet, and without either of them a majority may be missing`,
    next: `mend what is said of ${missing}, or take it out of the file, then run this again`,
  });
}
