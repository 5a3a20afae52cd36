import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { EXIT, TerraceError } from "../core/errors.ts";

/** Names the program to use, by path or name. */
export const TERRAFORM_VARIABLE = "TERRACE_TERRAFORM";
const NAMES = ["tofu", "terraform"];

/**
 * The path of `tofu` or else `terraform`.
 *
 * @throws TerraceError `TERRACE_TERRAFORM_MISSING`
 */
export async function findTerraform(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const wanted = env[TERRAFORM_VARIABLE];
  for (const name of wanted === undefined || wanted === "" ? NAMES : [wanted]) {
    const found = await onPath(name, env.PATH ?? "");
    if (found !== undefined) return found;
  }
  const asked =
    wanted === undefined || wanted === "" ? "neither tofu nor terraform is on PATH" : `${wanted} is no program`;
  throw new TerraceError(
    "TERRACE_TERRAFORM_MISSING",
    "virtual servers are made by OpenTofu or Terraform, and there is none",
    {
      why: asked,
      next: `install OpenTofu (https://opentofu.org/docs/intro/install) or Terraform 1.5 or newer, or set ${TERRAFORM_VARIABLE} to its path; for servers that exist already use pool.driver: ssh`,
      exitCode: EXIT.failed,
    },
  );
}

async function onPath(name: string, path: string): Promise<string | undefined> {
  const places =
    isAbsolute(name) || name.includes("/") ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  for (const place of places) {
    if (
      await access(place, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return place;
  }
  return undefined;
}
