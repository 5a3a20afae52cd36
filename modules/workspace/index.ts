export { type ContentFile, type ContentOptions, contentDigest, listContent } from "./content.ts";
export { setPlatformKeys } from "./edit.ts";
export { type LoadOptions, loadWorkspace, type Workspace } from "./load.ts";
export { poolFiles, readAddresses, writeAddresses } from "./pool-files.ts";
export { readSecrets } from "./secrets.ts";
