import { platformImages } from "../images.ts";
import { openProject } from "../project.ts";
import { Platform } from "./platform.ts";

const { platform } = await openProject();
new Platform("platform", {
  platform: platform.name,
  images: await platformImages(platform.images),
  networks: platform.networks,
});
