export { type ContentFile, type ContentOptions, contentDigest, listContent } from "./content.ts";
export { type LoadOptions, loadWorkspace, type Workspace } from "./load.ts";
