import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EDGE } from "../../modules/edge/index.ts";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { hasWrk, type Load, put } from "./load.ts";
import { median } from "./measure.ts";
import type { Result } from "./report.ts";
import type { Rig } from "./rig.ts";

const MIB = 1024 * 1024;

interface Candidate {
  name: string;
  container: string;
  loads: Load[];
}

/**
 * The edge against the same Caddy (same image, limits, network and site) with a configuration written by hand: once one that does
 * what Terrace's does (access log, compression, headers, retries), once one that does nothing but pass requests on.
 */
export async function measureEdge(rig: Rig, rounds: number, seconds: number): Promise<Result[]> {
  const service = objectName(rig.name, siteStack("www"), "web");
  const host = `www.${rig.workspace.domain}`;
  const edge = await edgeContainer(rig);
  const candidates: Candidate[] = [
    { name: "Terrace's edge", container: edge.id, loads: [] },
    { name: "the same by hand", container: await byHand(rig, edge.image, "same", sameWork(host, service)), loads: [] },
    {
      name: "the least by hand",
      container: await byHand(rig, edge.image, "least", leastWork(host, service)),
      loads: [],
    },
  ];
  const wrk = await hasWrk();
  await sleep(3000);
  for (let round = 0; round <= Math.max(3, 3 * rounds); round++) {
    // In turns, and each time another one first: what else the machine does then meets all of them.
    const first = round % candidates.length;
    for (const one of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const address = await bridgeAddress(rig, one.container);
      const load = await put({ host, address, port: EDGE.httpsPort }, round === 0 ? 1 : seconds, wrk);
      if (round > 0) one.loads.push(load);
    }
  }
  return results(candidates, wrk, rig.count);
}

function results([terrace, ...others]: Candidate[], wrk: boolean, count: number): Result[] {
  if (terrace === undefined) return [];
  const rate = ({ loads }: Candidate) => median(loads.map((load) => load.rate));
  const p99 = ({ loads }: Candidate) => median(loads.map((load) => load.p99));
  const rounds = terrace.loads.length;
  const tool = `${wrk ? "wrk" : "a load from Node"}, 32 connections, median of ${rounds} rounds`;
  const ratios = others.map((other, index): Result => {
    const pairs = terrace.loads.map((load, round) => load.rate / (other.loads[round]?.rate ?? Number.NaN));
    return {
      what: `edge with ${count} sites: throughput against ${other.name}`,
      value: median(pairs),
      unit: "ratio",
      ...(index === 0 && { budget: { limit: 0.97, atLeast: true, text: ">= 0.97" } }),
      note: `${Math.round(rate(terrace))}/s against ${Math.round(rate(other))}/s; ${tool}`,
    };
  });
  const [same] = others;
  const peer = same && { name: same.name, value: p99(same) };
  return [
    ...ratios,
    { what: `edge with ${count} sites: 99 of 100 answers within`, value: p99(terrace), unit: "ms", peer },
  ];
}

async function edgeContainer(rig: Rig): Promise<{ id: string; image: string }> {
  const name = objectName(rig.name, "edge", "caddy");
  const filters = { label: [`com.docker.swarm.service.name=${name}`] };
  const [container] = await rig.docker.listContainers({ filters });
  if (container === undefined) throw new Error(`${name} runs no container here`);
  return { id: container.Id, image: container.Image };
}

/** A container of the edge's image with its limits, on the platform's edge network, with a Caddyfile instead of Terrace's loop. */
async function byHand(rig: Rig, image: string, part: string, caddyfile: string): Promise<string> {
  const file = join(rig.workspace.folder, `Caddyfile.${part}`);
  await writeFile(file, caddyfile);
  await chmod(rig.workspace.folder, 0o755);
  const container = await rig.docker.createContainer({
    name: `${rig.name}-byhand-${part}`,
    Image: image,
    Entrypoint: ["caddy", "run", "--adapter", "caddyfile", "--config", "/srv/Caddyfile"],
    HostConfig: {
      Binds: [`${file}:/srv/Caddyfile:ro`],
      NetworkMode: objectName(rig.name, "platform", "edge"),
      NanoCpus: 2e9,
      Memory: 512 * MIB,
      PidsLimit: 256,
      Init: true,
      CapDrop: ["ALL"],
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    },
  });
  await container.start();
  return container.id;
}

/** Where the host reaches a container past the ports that are published: the same way for all that are compared. */
async function bridgeAddress(rig: Rig, container: string): Promise<string> {
  const { Containers } = (await rig.docker.getNetwork("docker_gwbridge").inspect()) as {
    Containers: Record<string, { IPv4Address: string }>;
  };
  const address = Containers[container]?.IPv4Address.split("/")[0];
  if (address === undefined) throw new Error(`container ${container} has no address on docker_gwbridge`);
  return address;
}

function leastWork(host: string, service: string): string {
  return `{
  admin off
  auto_https disable_redirects
}
https://${host}:${EDGE.httpsPort} {
  tls internal
  reverse_proxy ${service}:8080
}
`;
}

function sameWork(host: string, service: string): string {
  return `{
  admin off
  auto_https disable_redirects
  servers {
    protocols h1 h2
  }
}
https://${host}:${EDGE.httpsPort} {
  tls internal
  log {
    output stdout
    format json
  }
  encode zstd gzip
  request_body {
    max_size 100MB
  }
  header {
    X-Content-Type-Options nosniff
    ?Permissions-Policy "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    ?Referrer-Policy strict-origin-when-cross-origin
    ?X-Frame-Options SAMEORIGIN
    -Server
    -X-Powered-By
  }
  redir /old/* /news/ 301
  redir /contact.php /contact.html 301
  reverse_proxy ${service}:8080 {
    header_up -Forwarded
    header_up X-Real-IP {remote_host}
    lb_try_duration 5s
    lb_try_interval 200ms
    transport http {
      dial_timeout 2s
      response_header_timeout 60s
      keepalive 4s
      keepalive_idle_conns_per_host 128
      compression off
    }
  }
}
`;
}
