import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requirePackages } from "./packages.ts";

/** The packages of an engine. They are unpacked, not installed: no script of theirs runs. */
const PACKAGES = ["docker.io", "iptables", "mount", "coreutils"];

/** The programs of a newer release of Debian, in a folder that can stand in for /usr. */
export interface Programs {
  usr: string;
  remove(): Promise<void>;
}

/**
 * Takes Docker Engine as a newer release of Debian has it from the package mirror.
 *
 * @param suite of Debian, e.g. `trixie`
 * @throws Error with what mmdebstrap said
 */
export async function newerPrograms(suite: string): Promise<Programs> {
  await requirePackages({ "/usr/bin/mmdebstrap": "mmdebstrap" });
  const folder = await mkdtemp(join(tmpdir(), "terrace-newer-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const root = join(folder, "root");
  await mkdir(root);
  const options = ["--variant=extract", "--format=directory", `--include=${PACKAGES.join(",")}`, "--skip=cleanup"];
  // A mirror of a suite that still moves may lag behind; what it holds is signed all the same.
  const late = `--aptopt=Acquire::Check-Valid-Until "false"`;
  const tool = spawn("mmdebstrap", [...options, late, suite, root], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  tool.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const [code] = (await once(tool, "close")) as [number | null];
  if (code === 0) {
    // Links that the scripts of the package would have made.
    for (const name of ["iptables", "iptables-save", "iptables-restore", "ip6tables"])
      await symlink(name.replace("tables", "tables-nft"), join(root, "usr/sbin", name));
    return { usr: join(root, "usr"), remove };
  }
  await remove();
  throw new Error(`the engine of ${suite} could not be had:\n${said.split("\n").slice(-12).join("\n")}`);
}
