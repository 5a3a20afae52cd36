import * as pulumi from "@pulumi/pulumi";
import { TerraceError } from "../../modules/core/errors.ts";
import { stackSite } from "../../modules/names/index.ts";
import { spreadLabels } from "../../modules/pool/index.ts";
import { platformImages } from "../images.ts";
import { openProject } from "../project.ts";
import { siteInputs } from "./inputs.ts";
import { Site } from "./site.ts";

const name = stackSite(pulumi.getStack());
const { root, platform, sites, date } = await openProject();
const site = sites.find((each) => each.name === name);
if (site === undefined) {
  throw new TerraceError("TERRACE_NO_SUCH_SITE", `the stack ${pulumi.getStack()} is no site's`, {
    next: `name it site-NAME, with NAME one of ${sites.map((each) => each.name).join(", ")}`,
  });
}
new Site(
  site.name,
  await siteInputs(
    {
      root,
      platform: platform.name,
      date,
      spread: spreadLabels(platform.pool),
      encrypted: platform.networks.encrypted,
      secrets: platform.secrets,
    },
    site,
    await platformImages(platform.images),
  ),
);
