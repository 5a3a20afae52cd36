import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { overlap } from "../networks/index.ts";
import { get } from "./call.ts";
import type { RawNetwork } from "./read.ts";

/**
 * Refuses address ranges that another network of this engine has. Docker itself creates such an overlay network without a word, and
 * its tasks then wait for an address for ever.
 *
 * @param wanted ranges in CIDR form, by the name of the network that is to have them
 * @throws TerraceError `TERRACE_NETWORK_TAKEN`
 */
export async function requireFreeRanges(docker: Dockerode, wanted: { name: string; range: string }[]): Promise<void> {
  const names = new Set(wanted.map(({ name }) => name));
  const networks = await get<RawNetwork[]>(docker, "/networks");
  for (const { name, range } of wanted) {
    for (const other of networks.filter(({ Name }) => !names.has(Name))) {
      const taken = other.IPAM?.Config?.find(({ Subnet }) => Subnet !== undefined && overlap(Subnet, range));
      if (taken === undefined) continue;
      throw new TerraceError(
        "TERRACE_NETWORK_TAKEN",
        `the range ${range} of ${name} meets ${taken.Subnet} of the network ${other.Name}`,
        {
          where: "platform.yaml, networks",
          next: "choose a free one, e.g. `networks: { edge: 10.240.0.0/16, control: 10.241.0.0/24 }`",
        },
      );
    }
  }
}
