/** A TCP socket that listens, as `/proc/net/tcp` and `/proc/net/tcp6` tell. */
export interface Listener {
  port: number;
  /** The number by which the process that holds it is found. */
  inode: string;
}

/** State of a socket that listens, in the kernel's numbering. */
const LISTEN = "0A";

/** The listening sockets in the text of `/proc/net/tcp` or `tcp6`. */
export function parseListeners(text: string): Listener[] {
  const listeners: Listener[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    const port = Number.parseInt(local?.split(":").at(-1) ?? "", 16);
    if (state !== LISTEN || inode === undefined || Number.isNaN(port)) continue;
    listeners.push({ port, inode });
  }
  return listeners;
}

/** The inode in what a file descriptor links to, e.g. `socket:[12345]`. */
export function socketInode(link: string): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}
