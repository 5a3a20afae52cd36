export { BASE_RECIPE } from "./base/recipe.ts";
