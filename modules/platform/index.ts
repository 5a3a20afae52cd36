import { type AnyConcern, documentSchema, type Resolved, resolveAll } from "../core/document.ts";
import { platformConcerns } from "./concerns.ts";

export { platformConcerns } from "./concerns.ts";

type Keys = Resolved<typeof platformConcerns>;

/** `platform.yaml` with every default filled. */
export interface Platform extends Omit<Keys, "platform"> {
  /** What the file calls `platform`. */
  name: Keys["platform"];
}

export const platformSchema = documentSchema(platformConcerns);

/** Called only with what {@link platformSchema} accepted. */
export function resolvePlatform(typed: Readonly<Record<string, unknown>>): Platform {
  const concerns: readonly AnyConcern[] = platformConcerns;
  const { platform, ...rest } = resolveAll(concerns, typed, {
    name: String(typed.platform),
    domain: String(typed.domain),
  }) as Keys;
  return { name: platform, ...rest };
}
