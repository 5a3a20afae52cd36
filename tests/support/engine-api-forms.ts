/** The forms in which a Docker Engine keeps and gives out what it was told. */

/** A JSON object of the Engine API. */
export type Json = Record<string, unknown>;

/** An answer that is no success, with Docker's own words. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A specification as Docker gives it back: without empty values, and with what the daemon adds by itself. */
export function asStored(kind: string, body: Json): Json {
  const spec: Json = { Labels: {}, ...(withoutEmpty(body) as Json) };
  if (kind !== "service") return spec;
  const template = spec.TaskTemplate as Json | undefined;
  const container = template?.ContainerSpec as Json | undefined;
  if (template === undefined || container === undefined) {
    throw new ApiError(400, "mismatched Runtime and *Spec fields");
  }
  const restart = template.RestartPolicy as Json | undefined;
  return {
    ...spec,
    TaskTemplate: {
      ...template,
      ContainerSpec: { ...container, Isolation: "default" },
      ...(restart && { RestartPolicy: { ...restart, MaxAttempts: restart.MaxAttempts ?? 0 } }),
      ForceUpdate: template.ForceUpdate ?? 0,
      Runtime: "container",
    },
    Mode: spec.Mode ?? { Replicated: { Replicas: 1 } },
    ...withRatio("UpdateConfig", spec),
    ...withRatio("RollbackConfig", spec),
  };
}

function withRatio(key: string, spec: Json): Json {
  const config = spec[key] as Json | undefined;
  return config === undefined ? {} : { [key]: { ...config, MaxFailureRatio: 0 } };
}

/** Empty lists, texts and nulls are not kept; empty objects are: `Mode: { Global: {} }` says something. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(
    ([, each]) => each !== null && each !== undefined && each !== "" && !(Array.isArray(each) && each.length === 0),
  );
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutEmpty(each)]));
}

/** A network as the API gives it: one body for what was asked and what was added. */
export function networkAnswer(body: Json, vxlan: number): Json {
  const config = ((body.IPAM as { Config?: { Subnet?: string }[] } | undefined)?.Config ?? []).map((each) => ({
    ...each,
    Gateway: each.Subnet?.replace(/\.\d+\/\d+$/, ".1"),
  }));
  return {
    Name: body.Name,
    Scope: "swarm",
    Driver: body.Driver ?? "bridge",
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: config },
    Internal: body.Internal ?? false,
    Attachable: body.Attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: null,
    Options: { "com.docker.network.driver.overlay.vxlanid_list": String(vxlan), ...(body.Options as object) },
    Labels: body.Labels ?? {},
  };
}

/** Docker's filters, in either of the two forms that it takes: `{ label: ["a=b"] }` or `{ label: { "a=b": true } }`. */
export function parseFilters(text: string | null): Record<string, string[]> {
  if (text === null || text === "") return {};
  const given = JSON.parse(text) as Record<string, string[] | Record<string, boolean>>;
  return Object.fromEntries(
    Object.entries(given).map(([key, values]) => [key, Array.isArray(values) ? values : Object.keys(values)]),
  );
}

/** Whether labels pass a filter: every `key` or `key=value` of it must be there. */
export function hasLabels(labels: Record<string, string> | undefined, wanted: string[] = []): boolean {
  return wanted.every((each) => {
    const at = each.indexOf("=");
    return at < 0 ? labels?.[each] !== undefined : labels?.[each.slice(0, at)] === each.slice(at + 1);
  });
}
