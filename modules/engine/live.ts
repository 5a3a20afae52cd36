import { LABEL } from "../core/labels.ts";
import type { ClusterObjects, RawContent, RawNetwork, RawService, RawSpec } from "../docker/index.ts";
import { withoutDigest } from "../names/index.ts";
import type { Json, KindName, Live } from "./model.ts";
import { specHash } from "./normal.ts";

/** The cluster's objects as the engine compares them. Pure: what was read goes in, normal forms come out. */
export function toLive(objects: ClusterObjects, platform: string): Live[] {
  const networkNames = new Map([...objects.networks, ...objects.foreign].map(({ Id, Name }) => [Id, Name]));
  return [
    ...objects.networks.map(networkLive),
    ...objects.secrets.map((each) => contentLive("secret", each)),
    ...objects.configs.map((each) => contentLive("config", each)),
    ...objects.services.map((each) => serviceLive(each, networkNames)),
    ...objects.images.map(({ reference, id }) => imageLive(platform, reference, id)),
  ];
}

/** Names of services that are not as they were last written: somebody changed them past Terrace. */
export function changedByHand(services: RawService[], networks: Pick<RawNetwork, "Id" | "Name">[]): Set<string> {
  const names = new Map(networks.map(({ Id, Name }) => [Id, Name]));
  const live = services.map((each) => serviceLive(each, names));
  return new Set(live.filter((each) => each.hash !== "" && isDrifted(each)).map(({ name }) => name));
}

/** Whether an object is not as Terrace last wrote it. */
export function isDrifted({ spec, hash }: Pick<Live, "spec" | "hash">): boolean {
  return specHash(spec) !== hash;
}

function serviceLive(service: RawService, networkNames: Map<string, string>): Live {
  const template = service.Spec.TaskTemplate ?? {};
  const Networks = template.Networks?.map((each) => ({
    ...each,
    Target: networkNames.get(each.Target) ?? each.Target,
  }));
  const ContainerSpec = template.ContainerSpec && {
    ...template.ContainerSpec,
    Image: withoutDigest(template.ContainerSpec.Image ?? ""),
  };
  // A count of restarts that somebody asked for is no part of what a service is to be.
  const spec = { ...service.Spec, TaskTemplate: { ...template, ContainerSpec, Networks, ForceUpdate: undefined } };
  return { ...common("service", service.Spec), id: service.ID, version: service.Version.Index, spec: spec as Json };
}

function contentLive(kind: KindName, content: RawContent): Live {
  const { Name, Labels } = content.Spec;
  return { ...common(kind, content.Spec), id: content.ID, version: content.Version.Index, spec: { Name, Labels } };
}

function networkLive(network: RawNetwork): Live {
  const { Name, Driver, Attachable, Internal, Labels } = network;
  const options = Object.entries(network.Options ?? {}).filter(
    ([key]) => !key.startsWith("com.docker.network.driver.overlay.vxlanid"),
  );
  const subnets = network.IPAM?.Config?.map(({ Subnet }) => ({ Subnet }));
  const plain = { Name, Driver, Attachable, Internal, Labels, Options: Object.fromEntries(options) };
  const asked = { ...plain, IPAM: { Config: subnets } };
  // Where no range was asked for, Swarm chose one: the hash of what was written tells.
  const spec = specHash(plain) === Labels?.[LABEL.hash] ? plain : asked;
  return { ...common("network", spec as RawSpec), id: network.Id, version: 0, spec };
}

function imageLive(platform: string, reference: string, id: string): Live {
  return { kind: "image", platform, stack: "", urn: "", name: reference, id, version: 0, spec: {}, hash: reference };
}

function common(kind: KindName, spec: RawSpec) {
  const labels = spec.Labels ?? {};
  return {
    kind,
    name: spec.Name,
    platform: labels[LABEL.platform] ?? "",
    stack: labels[LABEL.stack] ?? "",
    urn: labels[LABEL.urn] ?? "",
    hash: labels[LABEL.hash] ?? "",
  };
}
