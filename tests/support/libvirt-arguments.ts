/**
 * What the provider `dmacvicar/libvirt` takes, read at its tag v0.8.3: the names from its documentation, the types and what the
 * documentation leaves out from its sources. Anything else would be refused by `tofu plan`.
 *
 * https://github.com/dmacvicar/terraform-provider-libvirt/tree/v0.8.3/website/docs/r
 * https://github.com/dmacvicar/terraform-provider-libvirt/tree/v0.8.3/libvirt (resource_libvirt_*.go, `Schema` and `Timeouts`)
 */
export interface Documented {
  source: string;
  required: string[];
  /** By name: `string`, `number`, `boolean`, `strings` (a list of them), or the arguments of a block. */
  arguments: Record<string, Type>;
}

export type Type = "string" | "number" | "boolean" | "strings" | { [name: string]: Type };

const DOCS = "https://github.com/dmacvicar/terraform-provider-libvirt/blob/v0.8.3/website/docs";

export const LIBVIRT_PROVIDER: Documented = {
  source: `${DOCS}/index.html.markdown`,
  required: ["uri"],
  arguments: { uri: "string" },
};

export const LIBVIRT_RESOURCES: Record<string, Documented> = {
  libvirt_volume: {
    source: `${DOCS}/r/volume.html.markdown`,
    required: ["name"],
    arguments: {
      name: "string",
      pool: "string",
      source: "string",
      size: "number",
      format: "string",
      base_volume_id: "string",
      base_volume_name: "string",
      base_volume_pool: "string",
      xml: { xslt: "string" },
    },
  },
  libvirt_cloudinit_disk: {
    source: `${DOCS}/r/cloudinit.html.markdown`,
    required: ["name"],
    arguments: { name: "string", pool: "string", user_data: "string", meta_data: "string", network_config: "string" },
  },
  libvirt_network: {
    source: `${DOCS}/r/network.html.markdown`,
    required: ["name"],
    arguments: {
      name: "string",
      domain: "string",
      addresses: "strings",
      mode: "string",
      bridge: "string",
      mtu: "number",
      autostart: "boolean",
      routes: { cidr: "string", gateway: "string" },
      dns: { enabled: "boolean", local_only: "boolean", forwarders: {}, srvs: {}, hosts: {} },
      dhcp: { enabled: "boolean" },
      xml: { xslt: "string" },
    },
  },
  libvirt_domain: {
    source: `${DOCS}/r/domain.html.markdown`,
    required: ["name"],
    arguments: {
      name: "string",
      description: "string",
      cpu: { mode: "string" },
      vcpu: "number",
      memory: "number",
      running: "boolean",
      disk: {
        volume_id: "string",
        url: "string",
        file: "string",
        block_device: "string",
        scsi: "boolean",
        wwn: "string",
      },
      network_interface: {
        network_name: "string",
        network_id: "string",
        mac: "string",
        addresses: "strings",
        hostname: "string",
        wait_for_lease: "boolean",
        bridge: "string",
        vepa: "string",
        macvtap: "string",
        passthrough: "string",
        private: "string",
      },
      cloudinit: "string",
      autostart: "boolean",
      arch: "string",
      machine: "string",
      emulator: "string",
      firmware: "string",
      type: "string",
      qemu_agent: "boolean",
      graphics: { type: "string", autoport: "boolean", listen_type: "string", listen_address: "string" },
      video: { type: "string" },
      console: {
        type: "string",
        target_port: "string",
        target_type: "string",
        source_path: "string",
        source_host: "string",
        source_service: "string",
      },
      timeouts: { create: "string" },
      xml: { xslt: "string" },
    },
  },
};

/** Arguments that Terraform itself gives every resource, and CDK's remarks. */
export const META = ["//", "provider", "lifecycle", "depends_on", "count", "for_each"];
