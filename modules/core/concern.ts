import type { z } from "zod";
import type { RouteDraft } from "../edge/routes.ts";
import type { ServiceDraft } from "../site/service.ts";

/** What resolving a key may look at: nothing but plain data. */
export interface ResolveContext {
  /** The site's name (its file's name), or the platform's. */
  name: string;
  /** The platform's domain, under which bare labels live, e.g. `honghe.localhost`. */
  domain: string;
  /** The whole file as typed and accepted, for defaults that depend on another key. */
  typed: Readonly<Record<string, unknown>>;
}

/**
 * One concern: a top-level key of a site file or of `platform.yaml`, and all that follows from it.
 * A new key is a new folder in `modules/` with one of these, and one line in the list that imports it.
 */
export interface Concern<Key extends string, Typed, Resolved> {
  readonly key: Key;
  /** Must be present in the file. Everything else has a default. */
  readonly required: boolean;
  /**
   * The shape of what is typed; every key in it carries a description and examples (`.meta({ description, examples })`),
   * and where it may be absent either `default` (the value then used) or `absent` (a sentence that says what happens then).
   */
  readonly schema: z.ZodType<Typed>;
  /** Fills every default. Called only with what the schema accepted; `undefined` where the key is absent. */
  resolve(typed: Typed | undefined, context: ResolveContext): Resolved;
  /** What the key adds to the site's own service. Absent for concerns that add nothing there. */
  service?(resolved: Resolved, draft: ServiceDraft): void;
  /** What the key adds to the site's routes at the edge. */
  routes?(resolved: Resolved, draft: RouteDraft): void;
}
