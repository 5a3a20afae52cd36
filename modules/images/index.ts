export { BASE_RECIPE } from "./base/recipe.ts";

/** One of the few images that Terrace makes itself, from the folder of the same name. */
export interface ImageRecipe {
  name: string;
  /** Raise it when the image must be made anew though no file of its folder changed, e.g. for security updates. */
  edition: number;
}

export const IMAGES = [
  { name: "base", edition: 1 },
  { name: "static", edition: 1 },
  { name: "edge", edition: 1 },
  { name: "postgres", edition: 1 },
  { name: "mariadb", edition: 1 },
  { name: "backup", edition: 1 },
  { name: "registry", edition: 1 },
] as const satisfies readonly ImageRecipe[];

/** The images that are built on the base. A stack declares those that it runs, so nobody builds what they do not use. */
export type OwnImage = Exclude<(typeof IMAGES)[number]["name"], "base">;

export const OWN_IMAGES = IMAGES.map(({ name }) => name).filter((name): name is OwnImage => name !== "base");
