/** JSON as Caddy takes it. Caddy itself is the judge of the shape: the tests hand it what is rendered here. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** One route of Caddy: `handle` runs when one of `match` fits, or always where there is none. */
export interface Route extends JsonObject {
  handle: JsonObject[];
}

/** Text that Caddy would search for placeholders, with every brace made literal: nobody's file may read the edge's environment. */
export function literal(text: string): string {
  return text.replaceAll("{", "\\{");
}
