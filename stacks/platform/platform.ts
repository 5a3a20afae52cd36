import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { objectName } from "../../modules/names/index.ts";
import type { Networks } from "../../modules/networks/index.ts";
import { createRoot, ROOT_LABEL } from "../../modules/tls/index.ts";
import type { PlatformImages } from "../images.ts";
import { imageResource, labelList } from "../parts.ts";

export interface PlatformInputs {
  platform: string;
  images: PlatformImages;
  networks: Networks;
}

/** What all sites share: the images, the two networks and the internal certificate authority. */
export class Platform extends pulumi.ComponentResource {
  constructor(name: string, { platform, images, networks }: PlatformInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Platform", name, {}, opts);
    const base = new docker.RemoteImage("base", { name: images.base, keepLocally: true }, { parent: this });
    for (const part of ["static", "edge"] as const)
      imageResource(part, images[part], { parent: this, dependsOn: [base] });
    // A /24 is exhausted at about 100 services, without an error message.
    new docker.Network(
      "edge",
      {
        name: objectName(platform, "platform", "edge"),
        driver: "overlay",
        attachable: true,
        ipamConfigs: [{ subnet: networks.edge }],
      },
      { parent: this },
    );
    new docker.Network(
      "control",
      {
        name: objectName(platform, "platform", "control"),
        driver: "overlay",
        options: networks.encrypted ? { encrypted: "" } : undefined,
        ipamConfigs: [{ subnet: networks.control }],
      },
      { parent: this },
    );
    const root = pulumi.output(createRoot(platform, new Date()));
    // Made once: another root would make every visitor's trust worthless.
    new docker.Secret(
      "ca",
      {
        name: objectName(platform, "platform", "ca"),
        data: pulumi.secret(root.apply(({ pem }) => Buffer.from(pem).toString("base64"))),
        labels: root.apply(({ certificate }) => labelList({ [ROOT_LABEL]: certificate })),
      },
      { parent: this, ignoreChanges: ["data", "labels"] },
    );
    this.registerOutputs({});
  }
}

/** The program of the stack `platform`. */
export function platformProgram(inputs: PlatformInputs): () => void {
  return () => void new Platform("platform", inputs);
}
