import { z } from "zod";
import { type Document, documents } from "./documents.ts";

/** The JSON Schema of a kind of file, as text: editors complete and check with it. */
export function renderJsonSchema(name: Document): string {
  const { schema, path, summary } = documents[name];
  const generated = z.toJSONSchema(schema, {
    io: "input",
    // What editors' YAML support knows best.
    target: "draft-7",
    override({ jsonSchema }) {
      // Our own word for the reference page; validators know nothing of it.
      delete jsonSchema.absent;
    },
  });
  const { $schema, ...rest } = generated;
  return `${JSON.stringify({ $schema, title: path, description: summary, ...rest }, undefined, 2)}\n`;
}
