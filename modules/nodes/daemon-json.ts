import { TerraceError } from "../core/errors.ts";

export interface Merged {
  /** The file's new text; `undefined` where it says all that already. */
  text: string | undefined;
  /** Settings that the server's administrator has made otherwise, and that are left so. */
  kept: string[];
}

/**
 * Lays our settings under those that a `daemon.json` has already: what somebody has set there stays.
 *
 * @param current the file's text; empty where there is none
 * @throws TerraceError `TERRACE_NODE_DAEMON_JSON` where it is not JSON
 */
export function mergeSettings(current: string, wanted: Record<string, unknown>, node: string): Merged {
  const existing = parse(current, node);
  const kept: string[] = [];
  const result = { ...existing };
  for (const [key, value] of Object.entries(wanted)) {
    if (!(key in existing)) {
      // Options of one log driver mean nothing to another.
      if (key === "log-opts" && result["log-driver"] !== wanted["log-driver"]) continue;
      result[key] = value;
    } else if (JSON.stringify(existing[key]) !== JSON.stringify(value)) kept.push(key);
  }
  const same = Object.keys(result).length === Object.keys(existing).length;
  return { text: same ? undefined : `${JSON.stringify(result, undefined, 2)}\n`, kept };
}

function parse(text: string, node: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new TerraceError("TERRACE_NODE_DAEMON_JSON", `${node}: its /etc/docker/daemon.json is not a JSON object`, {
    where: `node ${node}, /etc/docker/daemon.json`,
    next: "mend it there, then run this again; Terrace adds to it and takes nothing away",
  });
}
