import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { drivers } from "./drivers/index.ts";
import { libvirtSchema, resolveLibvirt } from "./drivers/libvirt/settings.ts";
import { nodeSchema, resolveNode, sshSchema } from "./node.ts";
import { POOL_DRIVERS, type Pool } from "./types.ts";

export { withAddresses } from "./addresses.ts";
export { cloudInit, cloudInitNetwork } from "./cloud-init.ts";
export { BRIDGE_RANGE, daemonConfig } from "./daemon.ts";
export { drivers } from "./drivers/index.ts";
export { homeConstraint, homeOf } from "./home.ts";
export { edges, isJoined, isMultiNode, managers, spreadLabels } from "./roles.ts";
export type {
  Availability,
  DriverName,
  LibvirtNetwork,
  LibvirtSettings,
  Machine,
  Pool,
  PoolNode,
  Role,
  SshAccess,
} from "./types.ts";
export { POOL_DRIVERS } from "./types.ts";

const schema = z.strictObject({
  driver: z
    .enum(POOL_DRIVERS)
    .optional()
    .meta({
      description:
        "`local` is the Docker Engine of this machine, `ssh` are servers that exist, `libvirt` are virtual servers on KVM hosts.",
      examples: ["local"],
      default: "local",
    }),
  ssh: sshSchema.optional().meta({
    description: "How every node is reached.",
    examples: [{ user: "root", key: "pool" }],
    absent: "as root, on port 22",
  }),
  nodes: z
    .array(
      nodeSchema.meta({
        description: "One server.",
        examples: [{ name: "n1", address: "10.0.0.1", roles: ["manager", "edge"] }],
      }),
    )
    .optional()
    .meta({
      description: "The servers. An odd number of them are managers, at least one is an edge.",
      examples: [[{ name: "n1", address: "10.0.0.1", roles: ["manager", "edge"] }]],
      absent: "with `local` this machine",
    }),
  libvirt: libvirtSchema.optional().meta({
    description: "Settings of the driver `libvirt`.",
    examples: [
      {
        hosts: [{ name: "kvm1", uri: "qemu+ssh://root@kvm1/system" }],
        image: "/srv/images/debian-12-genericcloud-amd64.qcow2",
      },
    ],
    absent: "required with that driver",
  }),
});

export const pool: Concern<"pool", z.infer<typeof schema>, Pool> = {
  key: "pool",
  required: false,
  schema: schema.meta({
    description: "Where the servers come from.",
    examples: [
      { driver: "local" },
      {
        driver: "ssh",
        ssh: { key: "pool" },
        nodes: [
          { name: "n1", address: "10.0.0.1", roles: ["manager", "edge"] },
          { name: "n2", address: "10.0.0.2" },
        ],
      },
    ],
    default: { driver: "local" },
  }),
  resolve(typed) {
    const driver = typed?.driver ?? "local";
    const libvirt = typed?.libvirt === undefined ? undefined : resolveLibvirt(typed.libvirt);
    const host = libvirt?.hosts.length === 1 ? libvirt.hosts[0]?.name : undefined;
    const defaults = { ssh: typed?.ssh, machines: drivers[driver].machines, host };
    return { driver, nodes: (typed?.nodes ?? []).flatMap((node) => resolveNode(node, defaults)), libvirt };
  },
};
