import { gzipSync } from "node:zlib";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { canonicalJson, shortHash } from "../../modules/core/hash.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { EDGE, type EdgeModel, encodeEdge, renderEdge } from "../../modules/edge/index.ts";
import { contentName, objectName } from "../../modules/names/index.ts";
import type { PlatformImages } from "../images.ts";
import { hardened, labelList, logDriver, resources, restartPolicy, rolling, scratch, serviceLabels } from "../parts.ts";
import { ROUTES } from "./model.ts";

export interface EdgeInputs {
  platform: string;
  images: PlatformImages;
  model: EdgeModel;
  /** Whether only some nodes are edges: those with the label. */
  labelled: boolean;
}

const MIB = 1024 * 1024;

/** The edge: Caddy on every node, and the small service from which it pulls its routes. */
export class Edge extends pulumi.ComponentResource {
  readonly #platform: string;

  constructor(name: string, { platform, images, model, labelled }: EdgeInputs, opts?: pulumi.ComponentResourceOptions) {
    super("terrace:index:Edge", name, {}, opts);
    this.#platform = platform;
    this.#proxy(images.edge.reference, model.ports, labelled);
    this.#routes(images.static.reference, model);
    this.registerOutputs({});
  }

  /** Its specification says nothing of sites: a change of routes must not restart it. */
  #proxy(image: string, ports: EdgeModel["ports"], labelled: boolean): void {
    const platform = this.#platform;
    const ca = objectName(platform, "platform", "ca");
    const publish = (published: number, target: number) => ({
      publishMode: "host",
      publishedPort: published,
      targetPort: target,
    });
    new docker.Service(
      "caddy",
      {
        name: objectName(platform, "edge", "caddy"),
        labels: serviceLabels(),
        taskSpec: {
          containerSpec: {
            image,
            ...hardened,
            sysctl: EDGE.sysctls,
            env: { EDGE_CONFIG_URL: `http://${objectName(platform, "edge", "config")}:8080/caddy.json.gz` },
            mounts: [
              scratch(32),
              {
                type: "volume",
                source: objectName(platform, "edge", "data"),
                target: "/data",
                volumeOptions: { labels: labelList({ [LABEL.platform]: platform, [LABEL.stack]: "edge" }) },
              },
            ],
            secrets: [
              { secretId: ca, secretName: ca, fileName: "ca.pem", fileUid: "10001", fileGid: "10001", fileMode: 0o400 },
            ],
            stopGracePeriod: "20s",
          },
          networksAdvanceds: [
            { name: objectName(platform, "platform", "edge") },
            { name: objectName(platform, "platform", "control") },
          ],
          placement: labelled ? { constraints: [`node.labels.${LABEL.edge}==true`] } : undefined,
          resources: resources(512 * MIB, 2),
          restartPolicy,
          logDriver,
        },
        mode: { global: true },
        // Two proxies can't hold one host port: the old one must go first.
        updateConfig: { order: "stop-first", parallelism: 1, failureAction: "rollback", monitor: "5s" },
        rollbackConfig: { order: "stop-first", parallelism: 1, failureAction: "pause", monitor: "5s" },
        endpointSpec: { mode: "dnsrr", ports: [publish(ports.http, 8080), publish(ports.https, 8443)] },
      },
      { parent: this },
    );
  }

  /** The routes, as plain data that `plan` can compare and as Caddy's configuration, and the service that hands the latter out. */
  #routes(image: string, model: EdgeModel): void {
    const platform = this.#platform;
    const { revision, caddy } = renderEdge(model);
    const config = (part: string, hash: string, data: Buffer) =>
      new docker.ServiceConfig(
        part,
        { name: contentName(platform, "edge", part, hash), data: data.toString("base64") },
        { parent: this },
      );
    const plain = canonicalJson(model);
    config(ROUTES, shortHash(plain), gzipSync(plain, { level: 9 }));
    const rendered = config("caddy", revision, encodeEdge(caddy));
    new docker.Service(
      "config",
      {
        name: objectName(platform, "edge", "config"),
        labels: serviceLabels(),
        taskSpec: {
          containerSpec: {
            image,
            ...hardened,
            mounts: [scratch()],
            configs: [
              { configId: rendered.id, configName: rendered.name, fileName: "/srv/www/caddy.json.gz", fileMode: 0o444 },
            ],
            stopGracePeriod: "2s",
          },
          networksAdvanceds: [{ name: objectName(platform, "platform", "control") }],
          resources: resources(32 * MIB, 0.5),
          restartPolicy,
          logDriver,
        },
        mode: { replicated: { replicas: 1 } },
        ...rolling("1s"),
        endpointSpec: { mode: "dnsrr" },
      },
      { parent: this, dependsOn: [rendered] },
    );
  }
}

/** The program of the stack `edge`. */
export function edgeProgram(inputs: EdgeInputs): () => void {
  return () => void new Edge("edge", inputs);
}
