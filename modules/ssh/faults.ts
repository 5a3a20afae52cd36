import { TerraceError } from "../core/errors.ts";
import type { Target } from "./types.ts";

interface Kind {
  pattern: RegExp;
  code: string;
  what: string;
  why?: string;
  next: string;
}

const KNOWN = "secrets/ssh/known_hosts (or ~/.ssh/known_hosts)";

/**
 * How `ssh` says what went wrong. It has one exit code for everything, so its words, which we ask for in English, are all there is.
 * `ADDRESS` and `NAME` stand for the server's.
 */
const KINDS: Kind[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i,
    code: "TERRACE_SSH_HOST_CHANGED",
    what: "its host key is not the one that is known",
    why: "another machine answers at ADDRESS, or the server was installed anew",
    next: `make sure which it is; where it was installed anew, replace its line in ${KNOWN}`,
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/i,
    code: "TERRACE_SSH_HOST_UNKNOWN",
    what: "its host key is not known here",
    next: `compare what \`ssh-keyscan ADDRESS\` prints with the server's own /etc/ssh/ssh_host_*_key.pub, and put it into ${KNOWN}`,
  },
  {
    pattern: /UNPROTECTED PRIVATE KEY FILE|bad permissions/i,
    code: "TERRACE_SSH_KEY_OPEN",
    what: "the private key can be read by others, so ssh does not use it",
    next: "chmod 600 the key's file",
  },
  {
    pattern: /Permission denied|Too many authentication failures|no mutual signature/i,
    code: "TERRACE_SSH_DENIED",
    what: "it does not let us in",
    next: "put the public key into the server's ~/.ssh/authorized_keys, and check `ssh` in platform.yaml: user, port, key",
  },
];

/** What the words of an `ssh` that failed come to. */
export function classify(target: Target, words: string): TerraceError {
  const { address, name } = target;
  const where = `node ${name}, ${target.ssh.user}@${address}${target.ssh.port === 22 ? "" : `:${target.ssh.port}`}`;
  const fill = (text: string) => text.replaceAll("ADDRESS", address).replaceAll("NAME", name);
  const kind = KINDS.find(({ pattern }) => pattern.test(words));
  if (kind !== undefined) {
    const why = kind.why === undefined ? undefined : fill(kind.why);
    const { code, what, next } = kind;
    return new TerraceError(code, `${name}: ${what}`, { where, why, next: fill(next) });
  }
  const said = words.trim().split("\n").at(-1);
  return new TerraceError("TERRACE_NODE_UNREACHABLE", `${name} cannot be reached over SSH`, {
    where,
    why: said === undefined || said === "" ? "there was no answer" : said,
    next: "is it on, and does its sshd listen there? Then run this again",
  });
}

/** A key that would be let in, but asks for a passphrase that nobody is here to type. */
export function keyLocked(target: Target, path: string): TerraceError {
  return new TerraceError("TERRACE_SSH_KEY_LOCKED", `${target.name}: the SSH key is protected by a passphrase`, {
    where: path,
    why: "nobody is asked for one: this must also run unattended",
    next: `load it into the agent (ssh-add ${path}), or name a key without a passphrase`,
  });
}
