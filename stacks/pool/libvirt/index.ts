import { LocalBackend, TerraformOutput, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { cloudInit, cloudInitNetwork, type LibvirtSettings, type PoolNode } from "../../../modules/pool/index.ts";
import type { PoolStackInputs } from "../inputs.ts";
import {
  LibvirtCloudinitDisk,
  LibvirtDomain,
  LibvirtNetwork,
  LibvirtProvider,
  LibvirtVolume,
  type NetworkInterface,
} from "./provider.ts";

const MIB = 1024 * 1024;

interface Host {
  provider: LibvirtProvider;
  base: LibvirtVolume;
  network: LibvirtNetwork | undefined;
}

/** The virtual servers of a pool on KVM hosts. The output `addresses` maps each node's name to its address. */
export class LibvirtPool extends TerraformStack {
  readonly #inputs: PoolStackInputs;
  readonly #settings: LibvirtSettings;

  constructor(scope: Construct, id: string, inputs: PoolStackInputs) {
    super(scope, id);
    this.#inputs = inputs;
    const { pool, stateFile } = inputs;
    if (pool.libvirt === undefined) throw new Error("pool.libvirt: not validated before use");
    this.#settings = pool.libvirt;
    new LocalBackend(this, { path: stateFile });
    const hosts = new Map(pool.libvirt.hosts.map(({ name, uri }) => [name, this.#host(name, uri)]));
    const addresses = pool.nodes.map((node) => {
      const host = hosts.get(node.machine?.host ?? "");
      if (host === undefined) throw new Error(`${node.name}: no host, not validated before use`);
      return [node.name, this.#server(node, host)] as const;
    });
    const output = new TerraformOutput(this, "addresses", { value: Object.fromEntries(addresses) });
    output.overrideLogicalId("addresses");
  }

  #host(name: string, uri: string): Host {
    const { platform } = this.#inputs;
    const provider = new LibvirtProvider(this, `host-${name}`, { alias: name, uri });
    const base = new LibvirtVolume(
      this,
      `base-${name}`,
      { name: `${platform}-base.qcow2`, source: this.#settings.image, format: "qcow2" },
      // The servers' disks stand on it: another image is for a new pool, never a reason to replace it.
      { provider, lifecycle: { preventDestroy: true, ignoreChanges: ["source"] } },
    );
    return { provider, base, network: this.#network(name, provider) };
  }

  #network(host: string, provider: LibvirtProvider): LibvirtNetwork | undefined {
    const { bridge, range } = this.#settings.network;
    if (bridge !== undefined || range === undefined) return undefined;
    const { platform } = this.#inputs;
    return new LibvirtNetwork(
      this,
      `network-${host}`,
      {
        name: platform,
        mode: "nat",
        addresses: [range],
        autostart: true,
        dhcp: [{ enabled: true }],
        dns: [{ enabled: true }],
      },
      { provider },
    );
  }

  /** One virtual server; returns its address, or Terraform's expression for it. */
  #server(node: PoolNode, { provider, base, network }: Host): string {
    const { platform, publicKeys } = this.#inputs;
    const { machine, name } = node;
    const publicKey = publicKeys.get(node.ssh.key ?? "");
    if (machine === undefined || publicKey === undefined) throw new Error(`${name}: not validated before use`);
    const disk = new LibvirtVolume(
      this,
      `disk-${name}`,
      { name: `${platform}-${name}.qcow2`, base_volume_id: base.id, format: "qcow2", size: machine.disk },
      // What would replace a disk is refused by Terraform: data is never lost to a change of a number.
      { provider, lifecycle: { preventDestroy: true, ignoreChanges: ["base_volume_id"] } },
    );
    const seed = new LibvirtCloudinitDisk(
      this,
      `seed-${name}`,
      {
        name: `${platform}-${name}-seed.iso`,
        user_data: cloudInit(node, publicKey),
        meta_data: `instance-id: ${platform}-${name}\nlocal-hostname: ${name}\n`,
        network_config: cloudInitNetwork(node, this.#settings.network),
      },
      { provider },
    );
    const domain = new LibvirtDomain(
      this,
      `node-${name}`,
      {
        name: `${platform}-${name}`,
        description: `node ${name} of the pool of ${platform}`,
        vcpu: machine.cpus,
        memory: Math.floor(machine.memory / MIB),
        autostart: true,
        qemu_agent: network === undefined && node.address === undefined,
        cloudinit: seed.id,
        cpu: [{ mode: "host-passthrough" }],
        disk: [{ volume_id: disk.id }],
        network_interface: [this.#interface(node, network)],
        console: [{ type: "pty", target_port: "0", target_type: "serial" }],
        // Its first boot installs packages before it can tell its address.
        timeouts: { create: "15m" },
      },
      // Cloud-init runs once: a changed document is for servers to come.
      { provider, lifecycle: { ignoreChanges: ["cloudinit"] } },
    );
    return node.address ?? domain.address;
  }

  #interface({ name, address }: PoolNode, network: LibvirtNetwork | undefined): NetworkInterface {
    const { bridge } = this.#settings.network;
    if (network === undefined) return { bridge, hostname: name, wait_for_lease: address === undefined };
    return {
      network_id: network.id,
      hostname: name,
      addresses: address === undefined ? undefined : [address],
      wait_for_lease: true,
    };
  }
}
