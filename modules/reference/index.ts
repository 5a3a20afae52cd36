import type { Document } from "./documents.ts";
import { renderReference } from "./page.ts";
import { renderJsonSchema } from "./schema.ts";

export type { Document };
export { renderJsonSchema, renderReference };

/** Every generated file of the documentation: path in the workspace, and its text. */
export function referenceFiles(): Record<string, string> {
  const names: Document[] = ["site", "platform"];
  return Object.fromEntries(
    names.flatMap((name) => [
      [`docs/schema/${name}.schema.json`, renderJsonSchema(name)],
      [`docs/reference/${name}.md`, renderReference(name)],
    ]),
  );
}
