export { BASE_RECIPE } from "./base/recipe.ts";

/** One of the few images that Terrace makes itself, from the folder of the same name. */
export interface ImageRecipe {
  name: "base" | "static" | "edge";
  /** Raise it when the image must be made anew though no file of its folder changed, e.g. for security updates. */
  edition: number;
}

export const IMAGES: readonly ImageRecipe[] = [
  { name: "base", edition: 1 },
  { name: "static", edition: 1 },
  { name: "edge", edition: 1 },
];
