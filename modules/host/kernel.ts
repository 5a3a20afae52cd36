import { access, readFile } from "node:fs/promises";
import { release } from "node:os";
import { EDGE } from "../edge/index.ts";

/** What of the kernel a check found. */
export interface KernelFacts {
  /** Features that are there, or that the kernel can load. */
  features: Set<string>;
  /** `net.ipv4.ip_forward`; undefined where it cannot be read. */
  forwarding: boolean | undefined;
  /** Whether it has all settings that the edge's containers get. */
  edge: boolean;
}

/** What overlay networks and image layers need. */
const NEEDED: Record<string, string> = {
  overlay: "the file system of image layers",
  vxlan: "overlay networks",
  bridge: "the network of containers",
};

/** One sentence for each thing that is missing; none where all is well. */
export function kernelProblems(facts: KernelFacts): string[] {
  const missing = Object.entries(NEEDED)
    .filter(([name]) => !facts.features.has(name))
    .map(
      ([name, use]) =>
        `the kernel seems to have no "${name}" (${use}): try "modprobe ${name}", or use a kernel that has it`,
    );
  if (facts.forwarding === false) {
    missing.push(
      'the kernel does not forward packets, so containers reach nobody: run "sysctl -w net.ipv4.ip_forward=1"',
    );
  }
  if (!facts.edge) {
    missing.push(
      "the edge can't start on this kernel: it needs Linux 5.14 or newer, for net.ipv4.tcp_migrate_req, so that new routes cut no visitor off",
    );
  }
  return missing;
}

/** Looks at this machine; a few file reads. Answers "all is well" where it cannot tell (not Linux). */
export async function kernelFacts(): Promise<KernelFacts> {
  if (process.platform !== "linux") {
    return { features: new Set(Object.keys(NEEDED)), forwarding: undefined, edge: true };
  }
  const modules = `/lib/modules/${release()}`;
  const texts = await Promise.all(
    ["/proc/filesystems", `${modules}/modules.builtin`, `${modules}/modules.dep`].map((path) => text(path)),
  );
  const features = new Set<string>();
  for (const name of Object.keys(NEEDED)) {
    const listed = texts.some((each) => new RegExp(`(^|[/\\s])${name}(\\.ko|\\s|$)`, "m").test(each));
    if (listed || (await exists(`/sys/module/${name}`))) features.add(name);
  }
  const forward = (await text("/proc/sys/net/ipv4/ip_forward")).trim();
  const settings = Object.keys(EDGE.sysctls).map((name) => exists(`/proc/sys/${name.replaceAll(".", "/")}`));
  const edge = !(await Promise.all(settings)).includes(false);
  return { features, forwarding: forward === "" ? undefined : forward === "1", edge };
}

async function text(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
