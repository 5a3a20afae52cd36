/** One of the few images that Terrace makes itself. Plain data: its tag is computed from the folder's content by who builds it. */
export interface ImageRecipe {
  name: "base" | "static" | "edge";
  /** Relative to the root of Terrace. `undefined` for the base image, which is not built from a folder. */
  folder: string | undefined;
  /** The image whose reference goes into the build argument `BASE`. */
  parent: ImageRecipe["name"] | undefined;
  /** Raise it when the image must be made anew though no file of its folder changed, e.g. for security updates. */
  edition: number;
}

/** Parents come before what is built on them. */
export const IMAGES: readonly ImageRecipe[] = [
  { name: "base", folder: undefined, parent: undefined, edition: 1 },
  { name: "static", folder: "modules/images/static", parent: "base", edition: 1 },
  { name: "edge", folder: "modules/images/edge", parent: "base", edition: 1 },
];

/** The build argument of each Dockerfile that names its parent. */
export const PARENT_ARGUMENT = "BASE";

/** `uid:gid` of every process in these images. */
export const IMAGE_USER = "10001:10001";

/** Asks the edge for its revision: answered as soon as it runs, with `none` until it has a configuration. */
export const EDGE_HEALTH = [
  "CMD",
  "curl",
  "-fsS",
  "--max-time",
  "2",
  "-o",
  "/dev/null",
  "-H",
  "Host: edge.terrace.invalid",
  "http://127.0.0.1:8080/",
];
