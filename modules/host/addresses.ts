/** An IPv4 range. */
export interface Range {
  /** The first address as a number from 0 to 2^32 - 1. */
  base: number;
  /** The prefix length, 0 to 32. */
  bits: number;
}

/**
 * Ranges that overlay networks may take their addresses from, in the order they are tried. Each has room for sixteen /16, and none is what
 * Docker's own bridges or an ordinary office network starts with: an address of an overlay hides the real machine that has it.
 */
export const POOLS = [
  "10.208.0.0/12",
  "10.176.0.0/12",
  "10.144.0.0/12",
  "10.80.0.0/12",
  "10.32.0.0/12",
  "100.80.0.0/12",
  "198.18.0.0/15",
];

/** The first of {@link POOLS} that meets none of the ranges, or `undefined` where all do. */
export function freePool(used: Range[]): string | undefined {
  return POOLS.find((pool) => {
    const range = parseRange(pool);
    return range !== undefined && !used.some((each) => overlaps(each, range));
  });
}

/** `10.0.0.0/8`, or a bare address as its /32; `undefined` where the text is neither. */
export function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const bytes = match.slice(1, 5).map(Number);
  const bits = match[5] === undefined ? 32 : Number(match[5]);
  if (bytes.some((byte) => byte > 255) || bits > 32) return undefined;
  return { base: bytes.reduce((sum, byte) => sum * 256 + byte, 0), bits };
}

export function overlaps(one: Range, other: Range): boolean {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.base / size) === Math.floor(other.base / size);
}

/** The ranges in `/proc/net/route`, without the default route (every address is in that). */
export function parseRoutes(text: string): Range[] {
  const ranges: Range[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, destination, , , , , , mask] = line.trim().split(/\s+/);
    if (destination === undefined || mask === undefined || !/^[0-9A-F]{8}$/i.test(destination)) continue;
    const bits = ones(hostOrder(mask));
    if (bits > 0) ranges.push({ base: hostOrder(destination), bits });
  }
  return ranges;
}

/** The name servers of `/etc/resolv.conf` that have an IPv4 address: an overlay must not hide them either. */
export function parseNameServers(text: string): Range[] {
  return text.split("\n").flatMap((line) => parseRange(/^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "") ?? []);
}

/** The kernel prints addresses as it keeps them, lowest byte first. */
function hostOrder(hex: string): number {
  return [6, 4, 2, 0].reduce((sum, at) => sum * 256 + Number.parseInt(hex.slice(at, at + 2), 16), 0);
}

function ones(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}

/** Ranges for the bridges of single nodes, in the order they are tried. */
const BRIDGE_POOLS = ["172.17.0.0/16", "172.30.0.0/16", "192.168.240.0/20", "10.254.0.0/16", "100.126.0.0/16"];

/** The first range for a node's own bridges that meets none of its routes (the text of `/proc/net/route`). */
export function freeBridgePool(routes: string): string | undefined {
  const used = parseRoutes(routes);
  return BRIDGE_POOLS.find((pool) => {
    const range = parseRange(pool);
    return range !== undefined && !used.some((each) => overlaps(each, range));
  });
}
