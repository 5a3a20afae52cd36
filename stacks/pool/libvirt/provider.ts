import { TerraformProvider, TerraformResource, type TerraformResourceLifecycle } from "cdktf";
import type { Construct } from "constructs";

/**
 * Typed constructs for what the pool uses of the provider `dmacvicar/libvirt`, 0.8. Version 0.9 is a rewrite with other arguments.
 * The names of the arguments are the provider's own; `tests/support/libvirt-arguments.ts` lists them with their sources.
 */
const METADATA = { providerName: "libvirt", providerVersionConstraint: "~> 0.8.3" };

/** A KVM host. */
export class LibvirtProvider extends TerraformProvider {
  readonly #uri: string;

  constructor(scope: Construct, id: string, { alias, uri }: { alias: string; uri: string }) {
    super(scope, id, {
      terraformResourceType: "libvirt",
      terraformGeneratorMetadata: METADATA,
      terraformProviderSource: "dmacvicar/libvirt",
    });
    this.alias = alias;
    this.#uri = uri;
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { alias: this.alias, uri: this.#uri };
  }

  // The base class keeps its alias to itself.
  override get alias(): string | undefined {
    return this.#alias;
  }

  override set alias(value: string | undefined) {
    this.#alias = value;
  }

  #alias: string | undefined;
}

/** What every resource may be told beside its arguments. */
export interface ResourceOptions {
  provider: LibvirtProvider;
  lifecycle?: TerraformResourceLifecycle;
}

/** A resource whose arguments are a plain map. */
abstract class LibvirtResource<Arguments extends object> extends TerraformResource {
  readonly #arguments: Arguments;

  constructor(scope: Construct, id: string, type: string, args: Arguments, options: ResourceOptions) {
    super(scope, id, { terraformResourceType: type, terraformGeneratorMetadata: METADATA, ...options });
    this.#arguments = args;
  }

  /** Terraform's expression for the resource's id. */
  get id(): string {
    return this.getStringAttribute("id");
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.#arguments));
  }
}

export interface VolumeArguments {
  name: string;
  pool?: string;
  /** A path on the machine that runs Terraform, or a URL. Not together with `size`. */
  source?: string;
  format?: "qcow2" | "raw";
  /** Bytes. */
  size?: number;
  base_volume_id?: string;
}

export class LibvirtVolume extends LibvirtResource<VolumeArguments> {
  constructor(scope: Construct, id: string, args: VolumeArguments, options: ResourceOptions) {
    super(scope, id, "libvirt_volume", args, options);
  }
}

export interface CloudinitDiskArguments {
  name: string;
  pool?: string;
  user_data: string;
  meta_data?: string;
  network_config?: string;
}

export class LibvirtCloudinitDisk extends LibvirtResource<CloudinitDiskArguments> {
  constructor(scope: Construct, id: string, args: CloudinitDiskArguments, options: ResourceOptions) {
    super(scope, id, "libvirt_cloudinit_disk", args, options);
  }
}

export interface NetworkArguments {
  name: string;
  mode: "nat" | "route" | "bridge" | "none";
  /** CIDR. */
  addresses?: string[];
  domain?: string;
  autostart?: boolean;
  dhcp?: { enabled: boolean }[];
  dns?: { enabled: boolean }[];
}

export class LibvirtNetwork extends LibvirtResource<NetworkArguments> {
  constructor(scope: Construct, id: string, args: NetworkArguments, options: ResourceOptions) {
    super(scope, id, "libvirt_network", args, options);
  }
}

export interface NetworkInterface {
  network_id?: string;
  bridge?: string;
  hostname?: string;
  addresses?: string[];
  wait_for_lease?: boolean;
}

export interface DomainArguments {
  name: string;
  description?: string;
  vcpu: number;
  /** MiB. */
  memory: number;
  autostart: boolean;
  /** Asks the agent within the server for its addresses: the only way on a bridge whose DHCP is not libvirt's. */
  qemu_agent: boolean;
  cloudinit: string;
  cpu: { mode: "host-passthrough" | "host-model" }[];
  disk: { volume_id: string }[];
  network_interface: NetworkInterface[];
  console: { type: "pty"; target_port: string; target_type: "serial" | "virtio" }[];
  timeouts: { create: string };
}

export class LibvirtDomain extends LibvirtResource<DomainArguments> {
  constructor(scope: Construct, id: string, args: DomainArguments, options: ResourceOptions) {
    super(scope, id, "libvirt_domain", args, options);
  }

  /** Terraform's expression for the first address of the first interface, known once the server has one. */
  get address(): string {
    return `\${${this.fqn}.network_interface[0].addresses[0]}`;
  }
}
