export { readConfig, sortProblems } from "./read.ts";
export { flow } from "./shape.ts";
export { type Config, type ConfigFiles, type Facts, type FileBytes, SITE_FOLDER, siteFile } from "./types.ts";
export { allKeys, elementOf, type KeyMeta, keysOf, metaOf, schemaAt, unwrap } from "./walk.ts";
