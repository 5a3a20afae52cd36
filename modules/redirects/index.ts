import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import type { Redirect } from "../edge/routes.ts";
import { faultCheck, webUrlFault } from "../units/index.ts";

export const STATUS = [301, 302, 307, 308] as const;
export const DEFAULT_STATUS = 301;

/** The status of a redirect, as its own schema because a retired site has one too. */
export function statusSchema() {
  return z
    .literal(STATUS, { error: "must be 301, 302, 307 or 308" })
    .optional()
    .meta({
      description: "301 and 308 are for good, 302 and 307 for now; 307 and 308 keep the method of the request.",
      examples: [301],
      default: DEFAULT_STATUS,
    });
}

const entry = z
  .strictObject({
    from: faultCheck(fromFault).meta({
      description: "A path of this site. `/*` at its end stands for everything below.",
      examples: ["/old/*"],
    }),
    to: faultCheck(toFault).meta({
      description: "A path of this site, or a URL. `:splat` is what `*` stood for.",
      examples: ["/new/:splat"],
    }),
    status: statusSchema(),
  })
  .refine((typed) => !typed.to.includes(":splat") || typed.from.endsWith("/*"), {
    path: ["to"],
    error: "can hold :splat only where from ends in /*",
  });

type RedirectInput = z.infer<typeof entry>;

export const redirects: Concern<"redirects", RedirectInput[], Redirect[]> = {
  key: "redirects",
  required: false,
  schema: z
    .array(entry)
    .max(5000, { error: "can hold 5000 redirects at most" })
    .meta({
      description: "Old paths that lead elsewhere now. The first that matches wins.",
      examples: [[{ from: "/old/*", to: "/new/:splat", status: 301 }]],
      default: [],
    }),
  resolve: (typed) => (typed ?? []).map(({ from, to, status }) => ({ from, to, status: status ?? DEFAULT_STATUS })),
  routes(resolved, draft) {
    draft.redirects = resolved.map((redirect) => ({ ...redirect }));
  },
};

/** `undefined` where `path` is not what the redirect is for; else what the `*` stood for (empty without one). */
export function matchRedirect(redirect: Redirect, path: string): string | undefined {
  if (!redirect.from.endsWith("/*")) return redirect.from === path ? "" : undefined;
  const prefix = redirect.from.slice(0, -1);
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
}

function fromFault(text: string): string | undefined {
  if (!text.startsWith("/") || /[\s?#\\]/.test(text)) {
    return "must be a path of this site like /old or /old/*, without a query";
  }
  if (text.replace(/\/\*$/, "").includes("*")) return "can hold * only at its end, after a slash, like /old/*";
  return undefined;
}

function toFault(text: string): string | undefined {
  const path = text.startsWith("/") && !text.startsWith("//") && !/[\s\\]/.test(text);
  if (path) return undefined;
  const fault = webUrlFault(text);
  if (fault === undefined || fault.includes("password")) return fault;
  return "must be a path like /new, or a URL like https://www.honghe.gov.cn/";
}
