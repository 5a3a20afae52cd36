import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { faultCheck, folderFault, webUrlFault } from "../units/index.ts";
import { DEFAULT_USER, type ImageServe, imageServeSchema, resolveImage } from "./image.ts";

export type { ImageServe } from "./image.ts";
export { type VolumeObject, volumeObject } from "./volume.ts";

export type Serve =
  /** Pages in a folder of the workspace. */
  | { kind: "static"; folder: string }
  | ImageServe
  /** The site still runs on its old server, only fronted. */
  | { kind: "proxy"; url: string };

/** The port of the image that carries static pages. */
const STATIC_PORT = 8080;

const schema = z
  .strictObject({
    static: faultCheck(folderFault)
      .optional()
      .meta({
        description: "A folder of the workspace with the site's pages; it holds an `index.html`.",
        examples: ["site-content/finance"],
        absent: "`image` or `proxy` is given",
      }),
    image: imageServeSchema.optional().meta({
      description: "A program in a container image.",
      examples: [{ build: "apps/shop", port: 8080 }, { image: "registry.example.cn/web/shop:1.4.2" }],
      absent: "`static` or `proxy` is given",
    }),
    proxy: faultCheck(proxyFault)
      .optional()
      .meta({
        description: "The address of the server that the site still runs on; only fronted here.",
        examples: ["http://10.2.3.4:8080"],
        absent: "`static` or `image` is given",
      }),
  })
  .refine((typed) => Object.values(typed).filter((value) => value !== undefined).length === 1, {
    error: "must have exactly one of static, image and proxy",
  });

export type ServeInput = z.infer<typeof schema>;

export const serve: Concern<"serve", ServeInput, Serve> = {
  key: "serve",
  required: true,
  schema: schema.meta({
    description: "What answers the site's visitors: exactly one of the keys below.",
    examples: [{ static: "site-content/finance" }, { proxy: "http://10.2.3.4:8080" }],
  }),
  resolve(typed, { name }) {
    if (typed?.image !== undefined) return resolveImage(typed.image, name);
    if (typed?.proxy !== undefined) return { kind: "proxy", url: new URL(typed.proxy).origin };
    return { kind: "static", folder: (typed?.static ?? "").replace(/\/$/, "") };
  },
  service(resolved, draft) {
    if (resolved.kind === "proxy") return;
    if (resolved.kind === "static") {
      draft.source = { kind: "static", folder: resolved.folder };
      draft.port = STATIC_PORT;
      draft.user = DEFAULT_USER;
      return;
    }
    const { kind: _kind, ...rest } = resolved;
    Object.assign(draft, structuredClone(rest));
  },
  routes(resolved, draft) {
    if (resolved.kind === "proxy") draft.upstream = { kind: "proxy", url: resolved.url };
  },
};

/** How a site file that was typed so is served; `static` where it cannot be told. */
export function servedBy(typed: unknown): Serve["kind"] {
  if (typeof typed !== "object" || typed === null) return "static";
  return "image" in typed ? "image" : "proxy" in typed ? "proxy" : "static";
}

function proxyFault(text: string): string | undefined {
  const sentence = "must be the address of a server like http://10.2.3.4:8080";
  const fault = webUrlFault(text);
  if (fault !== undefined) return fault.includes("password") ? fault : sentence;
  const url = new URL(text);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") return `${sentence}, without a path`;
  return undefined;
}
