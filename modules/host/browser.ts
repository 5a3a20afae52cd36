import { spawn as spawnProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The program that opens addresses on this machine; `undefined` where there is no screen or no such program. */
export function which(): string | undefined {
  const screen =
    process.platform === "darwin" || process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined;
  const name = process.platform === "darwin" ? "open" : "xdg-open";
  const folders = (process.env.PATH ?? "").split(delimiter);
  return screen ? folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) : undefined;
}

/** Hands an address to the program and lets it go its way. */
export function spawn(program: string, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawnProcess(program, [url], { detached: true, stdio: "ignore" });
    child.on("error", reject);
    child.on("spawn", () => {
      child.unref();
      resolve();
    });
  });
}
