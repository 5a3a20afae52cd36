import { randomInt } from "node:crypto";
import { networkInterfaces } from "node:os";
import type Dockerode from "dockerode";

/** Two ranges of addresses that no network of this engine and no interface of this machine uses. */
export async function freeRanges(docker: Dockerode): Promise<{ edge: string; control: string }> {
  const networks = await docker.listNetworks();
  const taken = [
    ...networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])),
    ...Object.values(networkInterfaces()).flatMap((each) => each?.flatMap(({ cidr }) => cidr ?? []) ?? []),
  ].filter((range) => !range.includes(":"));
  for (let attempt = 0; attempt < 1000; attempt++) {
    const first = `10.${randomInt(64, 250)}.${randomInt(0, 127) * 2}`;
    const edge = `${first}.0/24`;
    const control = `${first.replace(/\d+$/, (last) => String(Number(last) + 1))}.0/24`;
    if (![edge, control].some((range) => taken.some((other) => meet(range, other)))) return { edge, control };
  }
  throw new Error("no free range of addresses in 10.0.0.0/8");
}

function meet(one: string, other: string): boolean {
  const [a, b] = [bounds(one), bounds(other)];
  return a.from <= b.to && b.from <= a.to;
}

function bounds(range: string): { from: number; to: number } {
  const [address = "", prefix = "32"] = range.split("/");
  const size = 2 ** (32 - Number(prefix));
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const from = Math.floor(number / size) * size;
  return { from, to: from + size - 1 };
}
