import { mkdir, writeFile } from "node:fs/promises";
import { TerraceError } from "../core/errors.ts";
import { lastLines, run } from "./run.ts";

const FOLDER = "/usr/local/share/ca-certificates";

/**
 * Adds a root certificate (PEM) to this machine's store and returns its path. Doing it again changes nothing.
 *
 * @throws TerraceError `TERRACE_TRUST` where this user may not, or the machine has no `update-ca-certificates`
 */
export async function installRootCertificate(platform: string, certificate: string): Promise<string> {
  const path = `${FOLDER}/terrace-${platform}.crt`;
  try {
    await mkdir(FOLDER, { recursive: true });
    await writeFile(path, certificate, { mode: 0o644 });
    const ended = await run("update-ca-certificates", []);
    if (ended.code !== 0) throw new Error(lastLines(ended.output));
    return path;
  } catch (error) {
    throw new TerraceError("TERRACE_TRUST", "the certificate could not be installed", {
      where: path,
      why: error instanceof Error ? error.message : String(error),
      next: "run it as root on Debian or a descendant; elsewhere print it (`terrace trust`) and add it to the machine's store by its own tool",
      cause: error,
    });
  }
}
