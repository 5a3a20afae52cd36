import { z } from "zod";
import { nameSchema } from "../../../units/index.ts";
import type { LibvirtSettings } from "../../types.ts";

/** The network of libvirt's own, where no bridge is named. */
const DEFAULT_RANGE = "10.90.0.0/24";

const URI = "must be a libvirt URI like qemu+ssh://root@kvm1/system, without a password";
const IMAGE = "must be the absolute path or the URL of a qcow2 image";
const ADDRESS = "must be an IPv4 address like 10.90.0.1";

const hostSchema = z.strictObject({
  name: nameSchema().meta({ description: "What `machine.host` calls it.", examples: ["kvm1"] }),
  uri: z
    .string()
    .regex(/^qemu(\+[a-z0-9]+)?:\/\/([^\s/@:]+@)?[^\s/@]*\/(system|session)(\?[^\s]*)?$/, { error: URI })
    .meta({ description: "How libvirt is reached there.", examples: ["qemu+ssh://root@kvm1/system"] }),
});

const networkSchema = z.strictObject({
  bridge: z
    .string()
    .regex(/^[a-z][a-z0-9._-]{0,14}$/, { error: "must be the name of a bridge, like br0" })
    .optional()
    .meta({
      description: "A bridge that each host has. Needed for more than one host, or where visitors come from elsewhere.",
      examples: ["br0"],
      absent: "a network of libvirt's own, with NAT, on the only host",
    }),
  range: z
    .string()
    .refine((text) => z.cidrv4().safeParse(text).success, { error: "must be an IPv4 range like 10.90.0.0/24" })
    .optional()
    .meta({
      description: "Where the servers' addresses come from.",
      examples: [DEFAULT_RANGE],
      absent: `${DEFAULT_RANGE} without a bridge; with one, addresses come from its DHCP`,
    }),
  gateway: z
    .ipv4({ error: ADDRESS })
    .optional()
    .meta({
      description: "The way out, for fixed addresses on a bridge.",
      examples: ["10.90.0.1"],
      absent: "required with a bridge and fixed addresses; else DHCP says it",
    }),
  nameservers: z
    .array(z.ipv4({ error: ADDRESS }).meta({ description: "The address of a name server.", examples: ["10.90.0.1"] }))
    .optional()
    .meta({
      description: "Name servers, for fixed addresses on a bridge.",
      examples: [["10.90.0.1"]],
      absent: "the gateway",
    }),
});

export const libvirtSchema = z.strictObject({
  hosts: z
    .array(
      hostSchema.meta({ description: "A KVM host.", examples: [{ name: "kvm1", uri: "qemu+ssh://root@kvm1/system" }] }),
    )
    .min(1, { error: "must name at least one host" })
    .meta({
      description: "The KVM hosts that the virtual servers run on.",
      examples: [[{ name: "kvm1", uri: "qemu+ssh://root@kvm1/system" }]],
    }),
  image: z
    .string({ error: IMAGE })
    .regex(/^(https?:\/\/[^\s@]+|\/[^\s]+)$/, { error: IMAGE })
    .meta({
      description: "A Debian or Ubuntu image with cloud-init, as qcow2.",
      examples: ["/srv/images/debian-12-genericcloud-amd64.qcow2"],
    }),
  network: networkSchema.optional().meta({
    description: "How the virtual servers are connected.",
    examples: [{ bridge: "br0", range: "10.0.0.0/24", gateway: "10.0.0.1" }],
    absent: "a network of libvirt's own, with NAT",
  }),
});

export type TypedLibvirt = z.infer<typeof libvirtSchema>;

export function resolveLibvirt({ hosts, image, network }: TypedLibvirt): LibvirtSettings {
  const { bridge, gateway } = network ?? {};
  const range = network?.range ?? (bridge === undefined ? DEFAULT_RANGE : undefined);
  const nameservers = network?.nameservers ?? (gateway === undefined ? [] : [gateway]);
  return { hosts, image, network: { bridge, range, gateway, nameservers } };
}
