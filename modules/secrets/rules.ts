import { type Rule, siteFile } from "../config/types.ts";
import { secretVariable } from "./index.ts";

/** The value of one site's secret must never reach another one: `shop` with `EU_TOKEN` and `shop-eu` with `TOKEN` have one variable. */
export const sharedVariable: Rule = {
  name: "shared-variable",
  *check({ sites }) {
    const claims = new Map<string, { site: string; index: number; name: string }[]>();
    for (const { name: site, serve } of sites) {
      for (const [index, name] of (serve.kind === "image" ? serve.secrets : []).entries()) {
        const variable = secretVariable(site, name);
        claims.set(variable, [...(claims.get(variable) ?? []), { site, index, name }]);
      }
    }
    for (const [variable, list] of claims) {
      for (const { site, index, name } of list) {
        const other = list.find((each) => each.site !== site);
        if (other === undefined) continue;
        const message = `${name} would be read from ${variable}, like ${other.name} of ${siteFile(other.site)}: give one of them another name`;
        yield { site, severity: "error", path: ["serve", "image", "secrets", index], at: "value", message };
      }
    }
  },
};
