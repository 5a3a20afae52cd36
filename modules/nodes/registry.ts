import { request } from "node:http";
import { REGISTRY } from "../names/index.ts";
import type { NodeEngine } from "./engine.ts";

/** What an image is called in the registry's own API: `127.0.0.1:5325/honghe/site-finance` is `honghe/site-finance` there. */
function pathOf(repository: string): string {
  return repository.slice(REGISTRY.length + 1);
}

const MANIFESTS = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

/** ms that the registry may take to answer. */
const LIMIT = 10_000;

/**
 * Has the registry forget the images of repositories that nobody names any more. What they alone were made of goes when the registry
 * next looks for it, once a day.
 *
 * @param node a node of the pool: the registry answers to programs of a node itself only
 * @param used digests (`sha256:...`) that are still named
 * @returns how many were forgotten
 */
export async function pruneRegistry(node: NodeEngine, repositories: string[], used: Set<string>): Promise<number> {
  const socketPath = await node.connection.forward(REGISTRY, "registry");
  let count = 0;
  for (const repository of repositories) {
    const path = `/v2/${pathOf(repository)}`;
    const { body } = await ask(socketPath, "GET", `${path}/tags/list`);
    const tags = (JSON.parse(body) as { tags?: string[] | null }).tags ?? [];
    const answers = await Promise.all(tags.map((tag) => ask(socketPath, "HEAD", `${path}/manifests/${tag}`)));
    const unused = new Set(answers.flatMap(({ digest }) => (digest === undefined || used.has(digest) ? [] : digest)));
    for (const digest of unused) {
      const { status } = await ask(socketPath, "DELETE", `${path}/manifests/${digest}`);
      if (status === 202) count += 1;
    }
  }
  return count;
}

interface Answer {
  status: number;
  digest: string | undefined;
  body: string;
}

function ask(socketPath: string, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: REGISTRY, accept: path.includes("/manifests/") ? MANIFESTS : "application/json" };
    const call = request({ socketPath, method, path, headers, agent: false, timeout: LIMIT }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        body += piece;
      });
      answer.on("error", reject);
      answer.on("end", () => {
        const digest = answer.headers["docker-content-digest"];
        resolve({ status: answer.statusCode ?? 0, digest: typeof digest === "string" ? digest : undefined, body });
      });
    });
    call.on("timeout", () => call.destroy(new Error("the registry does not answer")));
    call.on("error", reject);
    call.end();
  });
}
