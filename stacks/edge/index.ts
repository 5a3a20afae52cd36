import { isJoined } from "../../modules/pool/index.ts";
import { describe } from "../describe.ts";
import { platformImages } from "../images.ts";
import { openProject } from "../project.ts";
import { Edge } from "./edge.ts";
import { edgeModel } from "./model.ts";

const { platform, sites, date } = await openProject();
const routes = sites.map((site) => describe(platform.name, site, date).routes);
new Edge("edge", {
  platform: platform.name,
  images: await platformImages(platform.images),
  model: edgeModel(platform, routes),
  labelled: isJoined(platform.pool),
});
