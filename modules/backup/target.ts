/** Where repositories are kept: one of the ways that restic itself knows. */
export type Target =
  /** A folder of the node on which the site's data is. */
  | { kind: "local"; path: string }
  /** Any other, as restic writes it, without the site's folder: `sftp:user@host:/path`, `s3:https://host/bucket`, `rest:https://host/`. */
  | { kind: "sftp" | "s3" | "rest"; url: string };

const SENTENCE = "must be an absolute path, sftp:user@host:/path, s3:https://host/bucket or rest:https://host/path";
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+\/?$/;

/** Why a text is no place for repositories, or `undefined` where it is one. */
export function targetFault(text: string): string | undefined {
  if (text.startsWith("/")) return PATH.test(text) ? undefined : SENTENCE;
  const kind = /^(sftp|s3|rest):/.exec(text)?.[1];
  if (kind === undefined) return SENTENCE;
  const rest = text.slice(kind.length + 1);
  if (kind === "sftp") return sftpFault(rest);
  if (!/^https?:\/\//.test(rest) || !URL.canParse(rest)) return SENTENCE;
  const { username, password, search, hash, pathname } = new URL(rest);
  if (username !== "" || password !== "") {
    return "must be without a user name or password in it: name them under `credentials`";
  }
  if (search !== "" || hash !== "") return SENTENCE;
  return kind === "s3" && pathname.replace(/\//g, "") === "" ? `${SENTENCE}, and name a bucket` : undefined;
}

/** `user@host:/path`, or `//user@host:port//path` where the port is another than 22. */
function sftpFault(rest: string): string | undefined {
  const plain = /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[A-Za-z0-9._/-]+$/.test(rest);
  const url = /^\/\/[A-Za-z0-9._-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?\/[A-Za-z0-9._/-]+$/.test(rest);
  return plain || url ? undefined : SENTENCE;
}

/** The target of a text that {@link targetFault} has nothing against. */
export function parseTarget(text: string): Target {
  const clean = text.replace(/\/+$/, "");
  if (clean.startsWith("/")) return { kind: "local", path: clean };
  return { kind: clean.slice(0, clean.indexOf(":")) as "sftp" | "s3" | "rest", url: clean };
}

/** A target as it is typed. */
export function targetText(target: Target): string {
  return target.kind === "local" ? target.path : target.url;
}

/** The repository of one site, as restic takes it; `mounted` is where a local folder stands in the container. */
export function repositoryOf(target: Target, site: string, mounted: string): string {
  return target.kind === "local" ? `${mounted}/${site}` : `${target.url}/${site}`;
}
