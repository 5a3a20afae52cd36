import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { LABEL } from "../../modules/core/labels.ts";
import { objectName, REGISTRY } from "../../modules/names/index.ts";
import type { ImageRef, PlatformImages } from "../images.ts";
import {
  hardened,
  imageResource,
  labelList,
  logDriver,
  resources,
  restartPolicy,
  scratch,
  serviceLabels,
} from "../parts.ts";

export interface RegistryInputs {
  platform: string;
  image: ImageRef;
  base: PlatformImages["base"];
  /** The node that keeps the images. */
  node: string;
}

const MIB = 1024 * 1024;
const PORT = 5000;

/**
 * The registry of a pool of several nodes. A store on one node; and on every node two relays, through which Docker there reaches it as
 * 127.0.0.1:5325. Only programs of the node itself get there: the store has no port of any node, and who may reach it is on the control
 * network.
 */
export class Registry extends pulumi.ComponentResource {
  readonly #inputs: RegistryInputs;

  constructor(name: string, inputs: RegistryInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Registry", name, {}, opts);
    this.#inputs = inputs;
    const { platform, image, node } = inputs;
    const built = imageResource("registry", image, { parent: this });
    const control = objectName(platform, "platform", "control");
    const store = objectName(platform, "registry", "store");
    this.#service("store", built, {
      args: ["store"],
      network: control,
      volume: { part: "images", path: "/data" },
      memory: 128 * MIB,
      mode: { replicated: { replicas: 1 } },
      constraints: [`node.labels.${LABEL.node}==${node}`],
    });
    const relay = { volume: { part: "relay", path: "/relay" }, memory: 32 * MIB, mode: { global: true } };
    this.#service("share", built, { ...relay, args: ["share", `${store}.:${PORT}`], network: control });
    this.#service("listen", built, { ...relay, args: ["listen", REGISTRY], network: "host" });
    this.registerOutputs({});
  }

  #service(part: string, built: pulumi.Resource, it: Part): void {
    const { platform, image } = this.#inputs;
    const labels = labelList({ [LABEL.platform]: platform, [LABEL.stack]: "registry" });
    new docker.Service(
      part,
      {
        name: objectName(platform, "registry", part),
        labels: serviceLabels(),
        taskSpec: {
          containerSpec: {
            image: image.reference,
            ...hardened,
            args: it.args,
            mounts: [
              scratch(),
              {
                type: "volume",
                source: objectName(platform, "registry", it.volume.part),
                target: it.volume.path,
                volumeOptions: { labels },
              },
            ],
            stopGracePeriod: "10s",
          },
          networksAdvanceds: [{ name: it.network }],
          ...(it.constraints === undefined ? {} : { placement: { constraints: it.constraints } }),
          resources: resources(it.memory, 0.5),
          restartPolicy,
          logDriver,
        },
        mode: it.mode,
        // Two can't hold one volume, socket or port.
        updateConfig: { order: "stop-first", parallelism: 1, failureAction: "pause", monitor: "2s" },
        rollbackConfig: { order: "stop-first", parallelism: 1, failureAction: "pause", monitor: "2s" },
        endpointSpec: { mode: "dnsrr" },
      },
      { parent: this, dependsOn: [built] },
    );
  }
}

interface Part {
  args: string[];
  network: string;
  volume: { part: string; path: string };
  /** Bytes. */
  memory: number;
  mode: { global?: boolean; replicated?: { replicas: number } };
  constraints?: string[];
}

/** The program of the stack `registry`. */
export function registryProgram(inputs: RegistryInputs): () => void {
  return () => void new Registry("registry", inputs);
}
