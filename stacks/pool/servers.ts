import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TerraceError } from "../../modules/core/errors.ts";
import type { Pool } from "../../modules/pool/index.ts";
import { findKey } from "../../modules/ssh/index.ts";
import { findTerraform, type PlannedChange, Terraform } from "../../modules/terraform/index.ts";
import { poolFiles, writeAddresses } from "../../modules/workspace/index.ts";

/** What the making of a pool's virtual servers needs. */
export interface ServersRequest {
  /** The workspace's folder. */
  root: string;
  platform: string;
  pool: Pool;
  signal?: AbortSignal;
  /** Each line that the program prints. */
  report(line: string): void;
}

/** Virtual servers as they are to be made, worked out and not done. */
export interface ServersPlan {
  changes: PlannedChange[];
  /** Names of nodes whose server would be made. */
  created: string[];
  /** Names of nodes whose server would go, and with it all that is on its disk. */
  deleted: string[];
  /** Does it; the addresses of all nodes are kept in the workspace and returned. */
  apply(): Promise<Record<string, string>>;
}

/**
 * Synthesizes the pool's stack and has `tofu` or `terraform` work out what is to be done. Changes nothing but `.terrace/`.
 *
 * @throws TerraceError `TERRACE_TERRAFORM_MISSING`, `TERRACE_TERRAFORM`, `TERRACE_POOL_KEY`
 */
export async function planServers({ root, platform, pool, signal, report }: ServersRequest): Promise<ServersPlan> {
  const program = await findTerraform();
  const publicKeys = await readPublicKeys(root, pool);
  const files = poolFiles(root, platform);
  await mkdir(files.work, { recursive: true });
  await mkdir(join(root, "pool"), { recursive: true });
  // The library takes longer to load than most commands run.
  const { synthesizePool } = await import("./app.ts");
  const folder = synthesizePool({ platform, pool, publicKeys, stateFile: files.state }, files.work);
  const terraform = new Terraform(program, folder, report, signal);
  await terraform.init();
  const changes = await terraform.plan();
  const servers = (action: "create" | "delete") =>
    changes.filter(({ actions }) => actions.includes(action)).flatMap(nodeOf);
  return {
    changes,
    created: servers("create"),
    deleted: servers("delete"),
    async apply() {
      if (changes.length > 0) await terraform.apply();
      const addresses = await terraform.output("addresses", z.record(z.string(), z.string()));
      await writeAddresses(root, platform, addresses);
      return addresses;
    },
  };
}

/** The node whose server a resource is. */
function nodeOf({ address }: PlannedChange): string[] {
  const name = /^libvirt_domain\.node-(.+)$/.exec(address)?.[1];
  return name === undefined ? [] : [name];
}

/** The public half of each key that a node names: it lies beside the private one. */
async function readPublicKeys(root: string, pool: Pool): Promise<Map<string, string>> {
  const names = [...new Set(pool.nodes.flatMap(({ ssh }) => ssh.key ?? []))];
  const entries = names.map(async (name) => {
    const path = `${await findKey(root, name)}.pub`;
    const text = await readFile(path, "utf8").catch(() => "");
    const line = text.trim();
    if (/^(ssh-|ecdsa-|sk-)\S+ \S+( .*)?$/.test(line)) return [name, line] as const;
    throw new TerraceError("TERRACE_POOL_KEY", `there is no public key beside the private key ${name}`, {
      where: path,
      why: "it goes into each virtual server, so that the private one opens it",
      next: `ssh-keygen -y -f ${path.slice(0, -4)} > ${path}`,
    });
  });
  return new Map(await Promise.all(entries));
}
