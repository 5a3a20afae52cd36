/** Whether two IPv4 ranges in CIDR form share an address. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [bounds(one), bounds(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

/** Whether an IPv4 address lies in a range in CIDR form. */
export function isInside(address: string, range: string): boolean {
  return overlap(`${address}/32`, range);
}

function bounds(range: string): { first: number; last: number } | undefined {
  const [address = "", length = ""] = range.split("/");
  const bytes = address.split(".").map(Number);
  const bits = Number(length);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255)) || !(bits >= 0 && bits <= 32))
    return undefined;
  const size = 2 ** (32 - bits);
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const first = number - (number % size);
  return { first, last: first + size - 1 };
}
