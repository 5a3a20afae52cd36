import { LABEL } from "../core/labels.ts";
import type { Secret } from "../core/secret.ts";
import { namespaceOf } from "../names/index.ts";
import type { Resource } from "./evaluate.ts";
import { serviceSpec } from "./kinds/service.ts";
import { configSpec, imageSpec, networkSpec, remoteImageSpec, secretSpec } from "./kinds/simple.ts";
import type { Desired, Json, KindName, Owner } from "./model.ts";
import { withHash } from "./normal.ts";

type Reader = (resource: Resource) => { name: string; spec: Json; payload?: Secret; converge?: number };

/** Every Pulumi type that the engine carries out. */
const READERS: Record<string, { kind: KindName; read: Reader }> = {
  "docker:index/network:Network": { kind: "network", read: networkSpec },
  "docker:index/image:Image": { kind: "image", read: imageSpec },
  "docker:index/remoteImage:RemoteImage": { kind: "image", read: remoteImageSpec },
  "docker:index/secret:Secret": { kind: "secret", read: secretSpec },
  "docker:index/serviceConfig:ServiceConfig": { kind: "config", read: configSpec },
  "docker:index/service:Service": { kind: "service", read: serviceSpec },
};

/** What a stack's resources mean for the cluster: API bodies with ownership labels, in the order of registration. */
export function toDesired(resources: Resource[], owner: Owner): Desired[] {
  return resources.map((resource) => {
    const reader = READERS[resource.type];
    if (reader === undefined) {
      throw new Error(`${resource.type} "${resource.name}": the embedded engine does not support this type`);
    }
    const { name, spec, payload, converge } = reader.read(resource);
    const base = {
      ...owner,
      kind: reader.kind,
      urn: resource.urn,
      name,
      dependsOn: resource.dependsOn,
      once: resource.ignoreChanges.length > 0,
      ...(converge !== undefined && { converge }),
    };
    if (reader.kind === "image") return { ...base, spec, hash: name };
    const labels = { ...(spec.Labels as object), ...ownerLabels(owner, resource.urn) };
    return { ...base, ...withHash({ ...spec, Labels: labels }), ...(payload && { payload }) };
  });
}

/** The labels by which an object is found again. */
export function ownerLabels({ platform, stack }: Owner, urn: string): Record<string, string> {
  return {
    [LABEL.namespace]: namespaceOf(platform, stack),
    [LABEL.platform]: platform,
    [LABEL.stack]: stack,
    [LABEL.urn]: urn,
  };
}
