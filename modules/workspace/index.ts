export { agentContext, type Bundle, readBundle } from "./bundle.ts";
export {
  ContentDigest,
  type ContentFile,
  type ContentOptions,
  changed,
  contentDigest,
  listContent,
} from "./content.ts";
export { copySiteFile } from "./copy-site.ts";
export { setPlatformKeys } from "./edit.ts";
export { makeIdentity } from "./identity.ts";
export { type LoadOptions, loadWorkspace, type Workspace } from "./load.ts";
export { poolFiles, readAddresses, writeAddresses } from "./pool-files.ts";
export { readSecrets, type SecretOrigin, secretOrigins, writeSecret } from "./secrets.ts";
