import type { Json } from "./engine-api-forms.ts";

/**
 * What newer engines answer otherwise, written by hand after Docker's API history, not recorded: fields that are new, fields
 * that are gone, other values for "nothing". The key is the API version from which it is so.
 */
interface Difference {
  since: number;
  path: RegExp;
  change(item: Json): Json;
}

const DIFFERENCES: Difference[] = [
  // 1.44: `VirtualSize` is gone from images, and what is not known is -1; an image without a tag has an empty list, not null.
  {
    since: 1.44,
    path: /^\/images\/json$/,
    change: ({ VirtualSize: _, ...image }) => ({
      ...image,
      RepoTags: image.RepoTags ?? [],
      RepoDigests: [],
      Containers: -1,
      SharedSize: -1,
      ParentId: "",
      Labels: null,
    }),
  },
  // 1.44: health checks have a start interval; 1.46: the kernel's preference for whom to kill; both 0 where nobody asked.
  { since: 1.44, path: /^\/services(\/[^/]+)?$/, change: (service) => inContainer(service, withStartInterval) },
  {
    since: 1.46,
    path: /^\/services(\/[^/]+)?$/,
    change: (service) => inContainer(service, (container) => ({ ...container, OomScoreAdj: 0, DNSConfig: {} })),
  },
  // 1.47: networks say whether they have IPv4.
  { since: 1.47, path: /^\/networks(\/[^/]+)?$/, change: (network) => ({ ...network, EnableIPv4: true }) },
  // 1.48: images say which platforms they are for.
  { since: 1.48, path: /^\/images\/json$/, change: (image) => ({ ...image, Descriptor: { size: 1100 } }) },
];

/** An answer as an engine of this API version gives it. */
export function asAnsweredBy(version: number, path: string, body: unknown): unknown {
  const changes = DIFFERENCES.filter((each) => version >= each.since && each.path.test(path));
  const changed = (item: Json) => changes.reduce((current, { change }) => change(current), item);
  if (changes.length === 0 || body === null || typeof body !== "object") return body;
  return Array.isArray(body) ? body.map(changed) : changed(body as Json);
}

/** What `GET /version` says, in the form of the newer engines. */
export function versionAnswer(newest: string, oldest: string): Json {
  const Details = { ApiVersion: newest, Arch: "amd64", MinAPIVersion: oldest, Os: "linux", Experimental: "false" };
  return {
    Platform: { Name: "Docker Engine - Community" },
    Components: [{ Name: "Engine", Version: "29.0.0", Details }],
    Version: "29.0.0",
    ApiVersion: newest,
    MinAPIVersion: oldest,
    Os: "linux",
    Arch: "amd64",
    KernelVersion: "6.1.0",
  };
}

function inContainer(service: Json, change: (container: Json) => Json): Json {
  const spec = service.Spec as Json | undefined;
  const template = spec?.TaskTemplate as Json | undefined;
  const container = template?.ContainerSpec as Json | undefined;
  if (container === undefined) return service;
  return { ...service, Spec: { ...spec, TaskTemplate: { ...template, ContainerSpec: change(container) } } };
}

function withStartInterval(container: Json): Json {
  const health = container.Healthcheck as Json | undefined;
  return health === undefined ? container : { ...container, Healthcheck: { ...health, StartInterval: 0 } };
}
