import { PassThrough } from "node:stream";
import type Dockerode from "dockerode";
import { TerraceError } from "../core/errors.ts";

export interface LogRequest {
  /** Lines from the end. */
  tail: number;
  /** Go on until the caller is stopped. */
  follow: boolean;
  line(text: string): void;
}

/**
 * Hands out what a service's containers wrote, oldest first; returns how many lines that were.
 *
 * @throws TerraceError `TERRACE_NO_SERVICE` where there is no such service
 */
export async function serviceLog(docker: Dockerode, name: string, { tail, follow, line }: LogRequest): Promise<number> {
  const options = { stdout: true, stderr: true, tail, follow } as unknown as { stdout: true; follow: true };
  const stream = (await docker
    .getService(name)
    .logs(options)
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
      throw new TerraceError("TERRACE_NO_SERVICE", `there is no service ${name}`, {
        why: "a proxied or retired site has none, and so has one that was never deployed",
        next: "terrace status",
      });
    })) as unknown as NodeJS.ReadableStream | Buffer;
  if (Buffer.isBuffer(stream)) {
    const { demultiplex } = await import("./converge.ts");
    const lines = demultiplex(stream);
    lines.forEach(line);
    return lines.length;
  }
  return followLog(docker, stream, line);
}

function followLog(docker: Dockerode, stream: NodeJS.ReadableStream, line: (text: string) => void): Promise<number> {
  let count = 0;
  let rest = "";
  const sink = new PassThrough();
  sink.setEncoding("utf8");
  sink.on("data", (piece: string) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    count += lines.length;
    lines.forEach(line);
  });
  docker.modem.demuxStream(stream, sink, sink);
  return new Promise((resolve, reject) => {
    stream.on("end", () => resolve(count));
    stream.on("error", reject);
  });
}
