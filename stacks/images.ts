import { join } from "node:path";
import { canonicalJson, shortHash } from "../modules/core/hash.ts";
import { installRoot } from "../modules/core/root.ts";
import { type Build, CONTENT } from "../modules/docker/index.ts";
import { BASE_RECIPE, IMAGES, OWN_IMAGES, type OwnImage } from "../modules/images/index.ts";
import { imageName, sharedImageName, siteStack } from "../modules/names/index.ts";
import type { Pins } from "../modules/pins/index.ts";
import type { ServiceSource } from "../modules/site/service.ts";
import { contentDigest } from "../modules/workspace/index.ts";

/** An image by reference, and how it is built where it is ours. The tag is the hash of all that goes into it. */
export interface ImageRef {
  reference: string;
  build?: Build;
}

export interface PlatformImages extends Record<OwnImage, ImageRef> {
  base: string;
  /** Recipe that lays a site's pages over the static server, and its digest. */
  pages: { dockerfile: string; digest: string };
}

/** The folder of an image's recipe. */
function recipe(image: string): string {
  return join(installRoot(), "modules", "images", image);
}

/** The images that all sites share, by the hash of their recipes, or as `platform.yaml` pins them. */
export async function platformImages(pins: Pins): Promise<PlatformImages> {
  const edition = (image: string) => IMAGES.find(({ name }) => name === image)?.edition;
  const base =
    pins.base ??
    sharedImageName("base", `${BASE_RECIPE.suite}-${shortHash(`${edition("base")} ${canonicalJson(BASE_RECIPE)}`)}`);
  const own = async (image: OwnImage): Promise<[OwnImage, ImageRef]> => {
    const pinned = pins[image];
    if (pinned !== undefined) return [image, { reference: pinned }];
    const tag = shortHash(`${edition(image)}\n${base}\n${await contentDigest(recipe(image))}`);
    return [image, { reference: sharedImageName(image, tag), build: { context: recipe(image), args: { BASE: base } } }];
  };
  const pages = recipe("pages");
  const [images, digest] = await Promise.all([Promise.all(OWN_IMAGES.map(own)), contentDigest(pages)]);
  const byName = Object.fromEntries(images) as Record<OwnImage, ImageRef>;
  return { base, ...byName, pages: { dockerfile: join(pages, "Dockerfile"), digest } };
}

/** The image of one site; `undefined` where it has no service. */
export async function siteImage(
  platform: string,
  site: string,
  source: ServiceSource,
  root: string,
  shared: PlatformImages,
): Promise<ImageRef | undefined> {
  if (source.kind === "none") return undefined;
  if (source.kind === "image") return { reference: source.image };
  const context = join(root, source.folder);
  const digest = await contentDigest(context, { hidden: source.kind === "build" });
  const named = (...parts: string[]) => imageName(platform, siteStack(site), shortHash(parts.join("\n")));
  if (source.kind === "build") {
    return {
      reference: named(shared.base, digest),
      build: { context, args: { BASE: shared.base, [CONTENT]: digest } },
    };
  }
  const reference = named(shared.static.reference, shared.pages.digest, digest);
  return {
    reference,
    build: {
      context,
      dockerfile: shared.pages.dockerfile,
      args: { STATIC: shared.static.reference, [CONTENT]: digest },
    },
  };
}
