import { z } from "zod";
import { Secret } from "../../core/secret.ts";
import type { Resource } from "../evaluate.ts";
import type { Json } from "../model.ts";
import { labelList, readInputs } from "./inputs.ts";

const network = z.strictObject({
  name: z.string(),
  driver: z.enum(["overlay"]),
  attachable: z.boolean().optional(),
  internal: z.boolean().optional(),
  options: z.record(z.string(), z.string()).optional(),
  ipamConfigs: z.array(z.strictObject({ subnet: z.string() })).optional(),
  labels: labelList,
});

/** The body of `POST /networks/create` for a `docker.Network`. */
export function networkSpec(resource: Resource): { name: string; spec: Json } {
  const { name, driver, attachable, internal, options, ipamConfigs, labels } = readInputs(resource, network);
  const subnets = ipamConfigs?.map(({ subnet }) => ({ Subnet: subnet }));
  return {
    name,
    spec: {
      Name: name,
      Driver: driver,
      Attachable: attachable,
      Internal: internal,
      Options: options,
      IPAM: { Config: subnets },
      Labels: labels,
    },
  };
}

const config = z.strictObject({ name: z.string(), data: z.string(), labels: labelList });

/** The body of `POST /configs/create` for a `docker.ServiceConfig`, its data apart: the content's hash is in the name. */
export function configSpec(resource: Resource): { name: string; spec: Json; payload: Secret } {
  const { name, data, labels } = readInputs(resource, config);
  return { name, spec: { Name: name, Labels: labels }, payload: new Secret(data) };
}

const secret = z.strictObject({ name: z.string(), data: z.instanceof(Secret), labels: labelList });

/** The body of `POST /secrets/create` for a `docker.Secret`, its data apart. Data that is not marked secret is refused. */
export function secretSpec(resource: Resource): { name: string; spec: Json; payload: Secret } {
  const { name, data, labels } = readInputs(resource, secret);
  return { name, spec: { Name: name, Labels: labels }, payload: data as Secret };
}

const image = z.strictObject({
  imageName: z.string(),
  build: z.strictObject({
    context: z.string(),
    dockerfile: z.string().optional(),
    args: z.record(z.string(), z.string()).optional(),
  }),
  skipPush: z.literal(true),
  // The provider fills this in by itself; a plan here never builds.
  buildOnPreview: z.boolean().optional(),
});

/** How to build a `docker.Image`. The name's tag is the hash of all that goes into it, so a name that exists is up to date. */
export function imageSpec(resource: Resource): { name: string; spec: Json } {
  const { imageName, build } = readInputs(resource, image);
  return { name: imageName, spec: { Build: build } };
}

const remoteImage = z.strictObject({ name: z.string(), keepLocally: z.literal(true) });

/** A `docker.RemoteImage`: an image that must be there, pulled or made from the distribution's mirror. */
export function remoteImageSpec(resource: Resource): { name: string; spec: Json } {
  const { name } = readInputs(resource, remoteImage);
  return { name, spec: { Pull: name } };
}
