export { DATE_PATTERN, dateOf, isDate } from "./date.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { dateSchema, durationOf, durationSchema, sizeOf, sizeSchema } from "./schema.ts";
export { formatSize, parseSize } from "./size.ts";
export { faultCheck, folderFault, imageSchema, isDnsLabel, lineSchema, nameSchema, webUrlFault } from "./text.ts";
