import { isInside, networkRanges, overlap } from "../../../networks/index.ts";
import type { TypedNode } from "../../node.ts";
import type { LibvirtSettings, Pool } from "../../types.ts";
import type { DriverFinding, PoolDriver } from "../driver.ts";
import type { TypedLibvirt } from "./settings.ts";

/** Virtual servers on KVM hosts, made by Terraform and then joined as by ssh. */
export const libvirt: PoolDriver = {
  name: "libvirt",
  machines: true,
  *faults(typed, pool, networks) {
    const { libvirt: settings } = pool;
    if (settings === undefined) {
      yield { path: ["driver"], at: "value", message: "needs `libvirt:` with hosts and image beside it" };
      return;
    }
    yield* hostFaults(settings, typed.libvirt as TypedLibvirt);
    for (const [key, range] of Object.entries(networkRanges(networks))) {
      if (settings.network.range === undefined || !overlap(settings.network.range, range)) continue;
      const message = `meets networks.${key} (${range}): choose another range, got ${settings.network.range}`;
      yield { path: ["libvirt", "network", "range"], at: "value", message };
    }
    for (const [index, node] of (typed.nodes ?? []).entries()) {
      yield* nodeFaults(node, index, settings);
      if ((node.ssh?.key ?? typed.ssh?.key) !== undefined) continue;
      const message = `${node.name} needs a key by name, like \`pool: { ssh: { key: pool } }\`: its public half goes into the server`;
      yield { path: ["nodes", index], at: "value", message };
    }
  },
};

function* hostFaults({ hosts, network }: LibvirtSettings, typed: TypedLibvirt): Generator<DriverFinding> {
  const names = hosts.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    yield { path: ["libvirt", "hosts", index, "name"], at: "value", message: `${name} is in the list already` };
  }
  if (hosts.length > 1 && network.bridge === undefined) {
    const message = `must name a bridge: servers on ${hosts.length} hosts don't reach each other through a network of libvirt's own`;
    yield { path: ["libvirt", "network"], at: "value", message };
  }
  if (network.bridge !== undefined) return;
  for (const key of ["gateway", "nameservers"] as const) {
    if (typed.network?.[key] === undefined) continue;
    yield { path: ["libvirt", "network", key], at: "key", message: "has no effect without a bridge: libvirt gives it" };
  }
}

function* nodeFaults(node: TypedNode, index: number, settings: LibvirtSettings): Generator<DriverFinding> {
  const { hosts, network } = settings;
  const at = (...rest: string[]) => ({ path: ["nodes", index, ...rest], at: "value" as const });
  const known = [...new Set(hosts.map(({ name }) => name))];
  const host = node.machine?.host;
  if (host === undefined && hosts.length > 1) {
    yield { ...at(), message: `${node.name} needs machine.host: one of ${known.join(", ")}` };
  }
  if (host !== undefined && !known.includes(host)) {
    yield { ...at("machine", "host"), message: `must be one of ${known.join(", ")}, got ${host}` };
  }
  if (node.address === undefined) return;
  if (node.count !== undefined) {
    yield { ...at("address"), message: "cannot stand beside count: give each server an entry of its own" };
  }
  if (network.range === undefined || (network.bridge !== undefined && network.gateway === undefined)) {
    yield { ...at("address"), message: "needs libvirt.network.range and libvirt.network.gateway beside the bridge" };
  } else if (!isInside(node.address, network.range)) {
    yield {
      ...at("address"),
      message: `must be an address in libvirt.network.range ${network.range}, got ${node.address}`,
    };
  }
}

/** The host that a node of the pool runs on. */
export function hostOf({ libvirt: settings }: Pool, host: string | undefined): { name: string; uri: string } {
  const found = settings?.hosts.find(({ name }) => name === host);
  if (found === undefined) throw new Error(`no libvirt host ${host}: not validated before use`);
  return found;
}
