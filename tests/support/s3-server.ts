import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { requirePackages } from "./packages.ts";
import { freePort } from "./ports.ts";
import { certify, Listening } from "./repositories.ts";

const call = promisify(execFile);
const PARTS = ["account", "container", "object"] as const;

export function requireS3(): Promise<void> {
  return requirePackages({
    "/usr/bin/memcached": "memcached",
    "/usr/bin/swift-proxy-server": "swift-proxy",
    ...Object.fromEntries(PARTS.map((part) => [`/usr/bin/swift-${part}-server`, `swift-${part}`])),
  });
}

/** Which device keeps what: all is kept by one. */
const RING = `import sys
from swift.common.ring import RingBuilder
ring = RingBuilder(1, 1, 0)
where = dict(region=1, zone=1, ip="127.0.0.1", port=int(sys.argv[2]), device="data", weight=1, meta="")
ring.add_dev(dict(where, replication_ip=where["ip"], replication_port=where["port"]))
ring.rebalance()
ring.get_ring().save(sys.argv[1])`;

/** One of the servers that keep what the proxy takes. */
class Store extends Listening {
  static async start(folder: string, part: (typeof PARTS)[number]): Promise<Store> {
    const store = new Store(folder, "127.0.0.1", await freePort());
    const lines = [
      ...section("DEFAULT", { ...shared(store), devices: folder, mount_check: "false" }),
      ...section("pipeline:main", { pipeline: `${part}-server` }),
      ...section(`app:${part}-server`, { use: `egg:swift#${part}` }),
    ];
    await writeFile(join(folder, `${part}.conf`), lines.join("\n"));
    await call("/usr/bin/python3", ["-c", RING, join(folder, `${part}.ring.gz`), String(store.port)]);
    await store.run(`swift-${part}-server`, [join(folder, `${part}.conf`), "-v"]);
    return store;
  }
}

/** Where the proxy remembers who somebody is. */
class Memory extends Listening {
  static async start(folder: string): Promise<Memory> {
    const memory = new Memory(folder, "127.0.0.1", await freePort());
    await memory.run("memcached", ["-u", "root", "-l", memory.host, "-p", String(memory.port)]);
    return memory;
  }
}

/** OpenStack Swift with its S3 interface, over TLS: restic sends to a plain one in a way that this version does not take. */
export class S3Server extends Listening {
  readonly accessKey = "terrace:backup";
  readonly secretKey = randomBytes(16).toString("hex");
  #behind: Listening[] = [];

  static async create(host: string): Promise<S3Server> {
    const server = new S3Server(await mkdtemp(join(tmpdir(), "terrace-s3-")), host, await freePort());
    await mkdir(join(server.folder, "data"));
    const hash = { swift_hash_path_prefix: "terrace", swift_hash_path_suffix: "terrace" };
    await writeFile(join(server.folder, "swift.conf"), section("swift-hash", hash).join("\n"));
    const memory = await Memory.start(server.folder);
    server.#behind = [memory, ...(await Promise.all(PARTS.map((part) => Store.start(server.folder, part))))];
    await certify(server);
    const tls = { cert_file: join(server.folder, "cert.pem"), key_file: join(server.folder, "key.pem") };
    const lines = [
      ...section("DEFAULT", { ...shared(server), ...tls }),
      ...section("pipeline:main", { pipeline: "catch_errors cache s3api tempauth bulk slo dlo proxy-server" }),
      ...section("app:proxy-server", { use: "egg:swift#proxy", account_autocreate: "true" }),
      ...section("filter:cache", {
        use: "egg:swift#memcache",
        memcache_servers: `${memory.host}:${memory.port}`,
      }),
      ...section("filter:tempauth", { use: "egg:swift#tempauth", user_terrace_backup: `${server.secretKey} .admin` }),
      ...["catch_errors", "s3api", "bulk", "slo", "dlo"].flatMap((name) =>
        section(`filter:${name}`, { use: `egg:swift#${name}` }),
      ),
    ];
    await writeFile(join(server.folder, "proxy.conf"), lines.join("\n"), { mode: 0o600 });
    await server.run("swift-proxy-server", [join(server.folder, "proxy.conf"), "-v"]);
    return server;
  }

  /** A bucket, which restic makes where it is not there. */
  url(bucket: string): string {
    return `s3:https://${this.host}:${this.port}/${bucket}`;
  }

  /** What a person types after `restic` for a repository in a bucket. */
  place(path: string): string[] {
    return ["--cacert", join(this.folder, "cert.pem"), "-r", this.url(path)];
  }

  get keys(): { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string } {
    return { AWS_ACCESS_KEY_ID: this.accessKey, AWS_SECRET_ACCESS_KEY: this.secretKey };
  }

  override async close(): Promise<void> {
    await Promise.all(this.#behind.map((each) => each.stop()));
    await super.close();
  }
}

function shared({ folder, host, port }: Listening): Record<string, string> {
  return { swift_dir: folder, bind_ip: host, bind_port: String(port), user: "root", workers: "0" };
}

function section(name: string, values: Record<string, string>): string[] {
  return [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ""];
}
