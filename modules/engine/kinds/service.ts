import { z } from "zod";
import { TerraceError } from "../../core/errors.ts";
import { canonicalJson, shortHash } from "../../core/hash.ts";
import { LABEL } from "../../core/labels.ts";
import type { Resource } from "../evaluate.ts";
import type { Json } from "../model.ts";
import { normalForm } from "../normal.ts";
import { goDuration, labelList, readInputs } from "./inputs.ts";

const fileReference = {
  fileName: z.string(),
  fileUid: z.string().default("0"),
  fileGid: z.string().default("0"),
  fileMode: z.number().default(0o444),
};

const updateConfig = z.strictObject({
  parallelism: z.number().default(1),
  delay: goDuration.optional(),
  failureAction: z.enum(["pause", "continue", "rollback"]),
  monitor: goDuration.optional(),
  order: z.enum(["start-first", "stop-first"]),
});

const mount = z.strictObject({
  type: z.enum(["volume", "tmpfs", "bind"]),
  source: z.string().optional(),
  target: z.string(),
  readOnly: z.boolean().optional(),
  volumeOptions: z
    .strictObject({
      labels: labelList,
      noCopy: z.boolean().optional(),
      driverName: z.string().optional(),
      driverOptions: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  tmpfsOptions: z.strictObject({ sizeBytes: z.number().optional(), mode: z.number().optional() }).optional(),
});

const containerSpec = z.strictObject({
  image: z.string(),
  commands: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).default({}),
  user: z.string().optional(),
  hostname: z.string().optional(),
  readOnly: z.boolean().optional(),
  init: z.boolean().optional(),
  capDrops: z.array(z.string()).optional(),
  capAdds: z.array(z.string()).optional(),
  stopSignal: z.string().optional(),
  stopGracePeriod: goDuration.optional(),
  labels: labelList,
  sysctl: z.record(z.string(), z.string()).optional(),
  mounts: z.array(mount).default([]),
  healthcheck: z
    .strictObject({
      tests: z.array(z.string()),
      interval: goDuration.optional(),
      timeout: goDuration.optional(),
      startPeriod: goDuration.optional(),
      retries: z.number().optional(),
    })
    .optional(),
  secrets: z.array(z.strictObject({ secretId: z.string(), secretName: z.string(), ...fileReference })).default([]),
  configs: z.array(z.strictObject({ configId: z.string(), configName: z.string(), ...fileReference })).default([]),
});

/** `spread=node.labels.zone`, as the API takes it. Swarm spreads over labels alone. */
const spread = z
  .string()
  .regex(/^spread=(node|engine)\.labels\..+$/)
  .transform((text) => ({ Spread: { SpreadDescriptor: text.slice("spread=".length) } }));

const memoryAndCpu = z.strictObject({ memoryBytes: z.number().optional(), nanoCpus: z.number().optional() });

const inputs = z.strictObject({
  name: z.string(),
  labels: labelList,
  taskSpec: z.strictObject({
    containerSpec,
    networksAdvanceds: z
      .array(z.strictObject({ name: z.string(), aliases: z.array(z.string()).optional() }))
      .default([]),
    placement: z
      .strictObject({
        constraints: z.array(z.string()).optional(),
        prefs: z.array(spread).optional(),
        maxReplicas: z.number().optional(),
        platforms: z.array(z.strictObject({ architecture: z.string(), os: z.string() })).optional(),
      })
      .optional(),
    resources: z.strictObject({ limits: memoryAndCpu.optional(), reservation: memoryAndCpu.optional() }).optional(),
    restartPolicy: z
      .strictObject({ condition: z.string(), delay: goDuration.optional(), maxAttempts: z.number().optional() })
      .optional(),
    logDriver: z.strictObject({ name: z.string(), options: z.record(z.string(), z.string()).optional() }).optional(),
  }),
  mode: z.strictObject({
    global: z.boolean().optional(),
    replicated: z.strictObject({ replicas: z.number() }).optional(),
  }),
  updateConfig: updateConfig.optional(),
  rollbackConfig: updateConfig.optional(),
  convergeConfig: z.strictObject({ timeout: goDuration }).optional(),
  endpointSpec: z.strictObject({
    mode: z.enum(["dnsrr", "vip"]),
    ports: z
      .array(
        z.strictObject({
          protocol: z.string().default("tcp"),
          publishMode: z.enum(["host", "ingress"]),
          publishedPort: z.number(),
          targetPort: z.number(),
        }),
      )
      .optional(),
  }),
});

type Inputs = z.infer<typeof inputs>;

/** The body of `POST /services/create` for a `docker.Service`, without the owner's labels. */
export function serviceSpec(resource: Resource): { name: string; spec: Json; converge?: number } {
  const service = readInputs(resource, inputs);
  refuseStuckUpdate(service);
  const { [LABEL.pids]: pids, ...labels } = service.labels;
  const template = taskTemplate(service, pids === undefined ? undefined : Number(pids));
  const container = template.ContainerSpec as Json;
  container.Labels = {
    ...(container.Labels as object),
    [LABEL.template]: shortHash(canonicalJson(normalForm(template))),
  };
  const replicated = service.mode.replicated && { Replicated: { Replicas: service.mode.replicated.replicas } };
  const spec = {
    Name: service.name,
    Labels: pids === undefined ? labels : { ...labels, [LABEL.pids]: pids },
    TaskTemplate: template,
    Mode: service.mode.global ? { Global: {} } : replicated,
    UpdateConfig: service.updateConfig && update(service.updateConfig),
    RollbackConfig: service.rollbackConfig && update(service.rollbackConfig),
    EndpointSpec: { Mode: service.endpointSpec.mode, Ports: service.endpointSpec.ports?.map(port) },
  };
  const converge = service.convergeConfig && { converge: service.convergeConfig.timeout / 1e6 };
  return { name: service.name, spec: JSON.parse(JSON.stringify(spec)) as Json, ...converge };
}

/**
 * A new task that is to run beside the old one can't have its host port: Swarm would wait for a free node for ever, with the old
 * version serving and the update called "updating".
 *
 * @throws TerraceError `TERRACE_HOST_PORT_ORDER`
 */
function refuseStuckUpdate({ name, endpointSpec, updateConfig, rollbackConfig }: Inputs): void {
  const held = endpointSpec.ports?.find(({ publishMode }) => publishMode === "host");
  const orders = { updateConfig, rollbackConfig };
  const stuck = Object.entries(orders).find(([, config]) => config?.order === "start-first")?.[0];
  if (held === undefined || stuck === undefined) return;
  throw new TerraceError(
    "TERRACE_HOST_PORT_ORDER",
    `${name} holds a port of its node, and its ${stuck} is start-first`,
    {
      where: `port ${held.publishedPort}/${held.protocol}, mode host`,
      why: "two tasks can't hold one port of a node, so the new one would wait for ever",
      next: "publish no port (the edge reaches services by name), or take the order stop-first",
    },
  );
}

function taskTemplate({ taskSpec }: Inputs, pids: number | undefined): Json {
  const { limits, reservation } = taskSpec.resources ?? {};
  return {
    ContainerSpec: container(taskSpec.containerSpec),
    Resources: {
      Limits: { NanoCPUs: limits?.nanoCpus, MemoryBytes: limits?.memoryBytes, Pids: pids },
      Reservations: { NanoCPUs: reservation?.nanoCpus, MemoryBytes: reservation?.memoryBytes },
    },
    RestartPolicy: taskSpec.restartPolicy && {
      Condition: taskSpec.restartPolicy.condition,
      Delay: taskSpec.restartPolicy.delay,
      MaxAttempts: taskSpec.restartPolicy.maxAttempts,
    },
    Placement: taskSpec.placement && {
      Constraints: taskSpec.placement.constraints,
      Preferences: taskSpec.placement.prefs,
      MaxReplicas: taskSpec.placement.maxReplicas,
      Platforms: taskSpec.placement.platforms?.map(({ architecture, os }) => ({ Architecture: architecture, OS: os })),
    },
    Networks: taskSpec.networksAdvanceds.map(({ name, aliases }) => ({ Target: name, Aliases: aliases })),
    LogDriver: taskSpec.logDriver && { Name: taskSpec.logDriver.name, Options: taskSpec.logDriver.options },
  };
}

function container(spec: Inputs["taskSpec"]["containerSpec"]): Json {
  return {
    Image: spec.image,
    Command: spec.commands,
    Args: spec.args,
    Hostname: spec.hostname,
    Env: Object.entries(spec.env)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
    User: spec.user,
    ReadOnly: spec.readOnly,
    Init: spec.init,
    CapabilityDrop: spec.capDrops,
    CapabilityAdd: spec.capAdds,
    StopSignal: spec.stopSignal,
    StopGracePeriod: spec.stopGracePeriod,
    Labels: spec.labels,
    Sysctls: spec.sysctl,
    Mounts: spec.mounts.map(mountSpec),
    Healthcheck: spec.healthcheck && {
      Test: spec.healthcheck.tests,
      Interval: spec.healthcheck.interval,
      Timeout: spec.healthcheck.timeout,
      StartPeriod: spec.healthcheck.startPeriod,
      Retries: spec.healthcheck.retries,
    },
    Secrets: spec.secrets.map((each) => ({ SecretName: each.secretName, File: file(each) })),
    Configs: spec.configs.map((each) => ({ ConfigName: each.configName, File: file(each) })),
  };
}

function mountSpec(each: z.infer<typeof mount>): Json {
  return {
    Type: each.type,
    Source: each.source,
    Target: each.target,
    ReadOnly: each.readOnly,
    VolumeOptions: each.volumeOptions && {
      Labels: each.volumeOptions.labels,
      NoCopy: each.volumeOptions.noCopy,
      DriverConfig: each.volumeOptions.driverName && {
        Name: each.volumeOptions.driverName,
        Options: each.volumeOptions.driverOptions,
      },
    },
    TmpfsOptions: each.tmpfsOptions && { SizeBytes: each.tmpfsOptions.sizeBytes, Mode: each.tmpfsOptions.mode },
  };
}

function file(each: { fileName: string; fileUid: string; fileGid: string; fileMode: number }): Json {
  return { Name: each.fileName, UID: each.fileUid, GID: each.fileGid, Mode: each.fileMode };
}

function update(config: z.infer<typeof updateConfig>): Json {
  return {
    Parallelism: config.parallelism,
    Delay: config.delay,
    FailureAction: config.failureAction,
    Monitor: config.monitor,
    Order: config.order,
  };
}

function port(each: NonNullable<Inputs["endpointSpec"]["ports"]>[number]): Json {
  return {
    Protocol: each.protocol,
    PublishMode: each.publishMode,
    PublishedPort: each.publishedPort,
    TargetPort: each.targetPort,
  };
}
