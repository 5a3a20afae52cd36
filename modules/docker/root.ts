import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";
import { objectName } from "../names/index.ts";
import { certificatePem, ROOT_LABEL } from "../tls/root.ts";
import { get } from "./call.ts";
import type { RawContent } from "./read.ts";

/** The public root certificate of a platform's own authority, PEM: it is a label of the authority's secret. */
export async function readRoot(docker: Dockerode, platform: string): Promise<string> {
  const name = objectName(platform, "platform", "ca");
  const secrets = await get<RawContent[] | null>(docker, "/secrets", { filters: { name: [name] } });
  const certificate = secrets?.find(({ Spec }) => Spec.Name === name)?.Spec.Labels?.[ROOT_LABEL];
  if (certificate !== undefined) return certificatePem(certificate);
  throw new TerraceError("TERRACE_NO_ROOT", `the platform ${platform} has no certificate authority yet`, {
    next: "terrace up",
  });
}
