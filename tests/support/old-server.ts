import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type Dockerode from "dockerode";

/** A server outside the pool, as containers reach it: it listens on this machine, at the address that they go out through. */
export async function startOldServer(docker: Dockerode, body: string): Promise<{ url: string; stop(): void }> {
  const { IPAM } = (await docker.getNetwork("docker_gwbridge").inspect()) as Dockerode.NetworkInspectInfo;
  const gateway = (IPAM?.Config?.[0] as { Gateway?: string } | undefined)?.Gateway;
  if (gateway === undefined) throw new Error("the network docker_gwbridge has no gateway");
  const server = createServer((_request, answer) => void answer.end(body));
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://${gateway}:${port}`, stop: () => void server.close() };
}
