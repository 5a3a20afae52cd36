import { z } from "zod";
import { hostFault } from "../domains/index.ts";
import { faultCheck, nameSchema, sizeOf, sizeSchema } from "../units/index.ts";
import { AVAILABILITIES, type Machine, type PoolNode, ROLES, type SshAccess } from "./types.ts";

const DEFAULT_SSH: SshAccess = { user: "root", port: 22, key: undefined };
const DEFAULT_MACHINE = { cpus: 2, memory: "4GiB", disk: "40GiB" } as const;

const PORT = "must be a port, a number from 1 to 65535";
const CPUS = "must be a whole number from 1 to 256";
const COUNT = "must be a whole number from 1 to 100";

/** An address of a server: an IP address or a host name. */
export function addressFault(text: string): string | undefined {
  if (z.ipv4().safeParse(text).success || z.ipv6().safeParse(text).success) return undefined;
  return hostFault(text) === undefined ? undefined : "must be an address like 10.0.0.1, or a host name";
}

export const sshSchema = z.strictObject({
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "must be a user name like root" })
    .optional()
    .meta({
      description: "Who to log in as: root, or a user who may run sudo without a password.",
      examples: ["root"],
      default: DEFAULT_SSH.user,
    }),
  port: z
    .int({ error: PORT })
    .min(1, { error: PORT })
    .max(65535, { error: PORT })
    .optional()
    .meta({ description: "Where the server's sshd listens.", examples: [2222], default: DEFAULT_SSH.port }),
  key: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
      error: "must be the name of a key, like pool: not a path, not the key itself",
    })
    .optional()
    .meta({
      description: "The name of a private key: the file `secrets/ssh/NAME` of the workspace, or `~/.ssh/NAME`.",
      examples: ["pool"],
      absent: "the ssh agent, or what ssh itself would use",
    }),
});

export const machineSchema = z.strictObject({
  cpus: z
    .int({ error: CPUS })
    .min(1, { error: CPUS })
    .max(256, { error: CPUS })
    .optional()
    .meta({ description: "Virtual processors.", examples: [2], default: DEFAULT_MACHINE.cpus }),
  memory: sizeSchema({ min: "1GiB", max: "64TiB" })
    .optional()
    .meta({ description: "Memory of the server.", examples: ["4GiB"], default: DEFAULT_MACHINE.memory }),
  disk: sizeSchema({ min: "4GiB", max: "256TiB" })
    .optional()
    .meta({ description: "Size of its disk.", examples: ["40GiB"], default: DEFAULT_MACHINE.disk }),
  host: nameSchema()
    .optional()
    .meta({
      description: "The host that it runs on, by its name in the driver's settings.",
      examples: ["kvm1"],
      absent: "the driver's only host",
    }),
});

const labelsSchema = z.record(
  z.string().regex(/^(?!terrace\.)[a-z][a-z0-9._-]{0,62}$/, {
    error: "must be a label like zone: lower-case letters, digits, dots and hyphens, not beginning with terrace.",
  }),
  z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, { error: "must be a value like a: letters, digits, dots and hyphens" }),
);

export const nodeSchema = z.strictObject({
  name: nameSchema(40).meta({
    description: "The node's name; unique in the pool, and never changed later.",
    examples: ["n1"],
  }),
  address: faultCheck(addressFault)
    .optional()
    .meta({
      description: "Where the other nodes and `terrace` reach it.",
      examples: ["10.0.0.1"],
      absent: "required with `ssh`; with `libvirt` it is asked of the host",
    }),
  count: z
    .int({ error: COUNT })
    .min(1, { error: COUNT })
    .max(100, { error: COUNT })
    .optional()
    .meta({
      description: "So many alike virtual servers, called `NAME-1`, `NAME-2` and so on.",
      examples: [3],
      absent: "one, called NAME",
    }),
  roles: z
    .array(
      z.enum(ROLES).meta({
        description:
          "`manager` takes part in Swarm's decisions, `worker` does not, `edge` answers visitors. Every node runs sites.",
        examples: ["manager"],
      }),
    )
    .optional()
    .meta({
      description: "What the node does beside running sites.",
      examples: [["manager", "edge"]],
      default: ["worker"],
    }),
  labels: labelsSchema
    .optional()
    .meta({ description: "Node labels of your own, as Swarm keeps them.", examples: [{ zone: "a" }], default: {} }),
  availability: z
    .enum(AVAILABILITIES)
    .optional()
    .meta({
      description:
        "`pause` gives it no new tasks; `drain` stops those that it has, and Swarm starts them elsewhere where it can: `terrace pool drain` does that without a gap, and refuses where it cannot.",
      examples: ["drain"],
      default: "active",
    }),
  ssh: sshSchema.optional().meta({
    description: "How it is reached, where that differs.",
    examples: [{ port: 2222 }],
    absent: "as in `pool.ssh`",
  }),
  machine: machineSchema.optional().meta({
    description: "The virtual server, for drivers that make them.",
    examples: [{ cpus: 2, memory: "4GiB", disk: "40GiB", host: "kvm1" }],
    absent: "with `libvirt` a server with the defaults below",
  }),
});

export type TypedNode = z.infer<typeof nodeSchema>;
export type TypedSsh = z.infer<typeof sshSchema>;

export interface NodeDefaults {
  ssh: TypedSsh | undefined;
  /** Whether the driver makes virtual servers. */
  machines: boolean;
  /** The only host, where there is just one. */
  host: string | undefined;
}

/** The nodes that one entry stands for. */
export function resolveNode(typed: TypedNode, defaults: NodeDefaults): PoolNode[] {
  const { name, address, count, roles, labels, availability, machine } = typed;
  const ssh = { ...DEFAULT_SSH, ...defaults.ssh, ...typed.ssh };
  const node = {
    address: address?.toLowerCase(),
    roles: roles ?? ["worker" as const],
    labels: labels ?? {},
    availability: availability ?? ("active" as const),
    ssh: { user: ssh.user, port: ssh.port, key: ssh.key },
    machine: machine !== undefined || defaults.machines ? resolveMachine(machine, defaults.host) : undefined,
  };
  if (count === undefined) return [{ name, ...node }];
  return Array.from({ length: count }, (_, index) => ({ name: `${name}-${index + 1}`, ...node }));
}

function resolveMachine(typed: TypedNode["machine"], host: string | undefined): Machine {
  return {
    cpus: typed?.cpus ?? DEFAULT_MACHINE.cpus,
    memory: sizeOf(typed?.memory ?? DEFAULT_MACHINE.memory),
    disk: sizeOf(typed?.disk ?? DEFAULT_MACHINE.disk),
    host: typed?.host ?? host,
  };
}
