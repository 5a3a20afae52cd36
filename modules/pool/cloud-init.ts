import { stringify } from "yaml";
import { BRIDGE_RANGE, daemonConfig } from "./daemon.ts";
import type { LibvirtNetwork, PoolNode } from "./types.ts";

/**
 * What a virtual server does at its first boot, as cloud-init's user data: its name, the key that may log in, and Docker Engine
 * from the distribution, set up before it first starts. Holds no secret.
 *
 * @param publicKey one line, as in `NAME.pub`
 */
export function cloudInit(node: Pick<PoolNode, "name" | "ssh">, publicKey: string): string {
  const { user } = node.ssh;
  const key = publicKey.trim();
  const person = { name: user, lock_passwd: true, ssh_authorized_keys: [key] };
  const sudoer = { ...person, shell: "/bin/bash", groups: "sudo", sudo: "ALL=(ALL) NOPASSWD:ALL" };
  const document = {
    hostname: node.name,
    preserve_hostname: false,
    manage_etc_hosts: true,
    users: [user === "root" ? person : sudoer],
    disable_root: user !== "root",
    ssh_pwauth: false,
    // Before the package: Docker's first start then makes no bridge in a range that is somebody's office.
    write_files: [
      {
        path: "/etc/docker/daemon.json",
        permissions: "0644",
        content: `${JSON.stringify(daemonConfig(BRIDGE_RANGE), null, 2)}\n`,
      },
    ],
    package_update: true,
    // Without AppArmor's parser, Docker starts no container on a kernel that has AppArmor on, as Debian's has.
    packages: ["apparmor", "ca-certificates", "docker.io", "qemu-guest-agent"],
    runcmd: [
      ["systemctl", "enable", "--now", "docker.service"],
      // Only where the hypervisor has its channel; without it the unit waits a minute and a half and fails, which is no fault.
      ["systemctl", "start", "--no-block", "qemu-guest-agent.service"],
    ],
  };
  return `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
}

/** Cloud-init's network configuration for a server with a fixed address on a bridge; `undefined` where DHCP gives the address. */
export function cloudInitNetwork({ address }: Pick<PoolNode, "address">, network: LibvirtNetwork): string | undefined {
  const { bridge, range, gateway, nameservers } = network;
  if (bridge === undefined || address === undefined || range === undefined || gateway === undefined) return undefined;
  const bits = range.split("/")[1];
  return stringify({
    version: 2,
    ethernets: {
      first: {
        match: { name: "e*" },
        addresses: [`${address}/${bits}`],
        routes: [{ to: "0.0.0.0/0", via: gateway }],
        nameservers: { addresses: nameservers },
      },
    },
  });
}
