import { type Rule, siteFile } from "../config/types.ts";
import { allHosts } from "./index.ts";

/** One host name leads to one site. Every file that claims it is at fault: which one is right cannot be told. */
export const duplicateDomain: Rule = {
  name: "duplicate-domain",
  *check({ sites }) {
    const claims = new Map<string, { site: string; index: number; shown: string }[]>();
    for (const site of sites) {
      for (const [index, { ascii, unicode }] of allHosts(site.domains).entries()) {
        const claim = { site: site.name, index, shown: unicode };
        const others = claims.get(ascii);
        if (others === undefined) claims.set(ascii, [claim]);
        else others.push(claim);
      }
    }
    for (const list of claims.values()) {
      for (const claim of list.length > 1 ? list : []) {
        const other = list.find(({ site }) => site !== claim.site);
        const first = list[0] === claim;
        if (other === undefined && first) continue;
        const where = other === undefined ? "is in the list already" : `is also a domain of ${siteFile(other.site)}`;
        yield {
          site: claim.site,
          severity: "error",
          path: ["domains", claim.index],
          at: "value",
          message: `${claim.shown} ${where}: a domain leads to one site`,
        };
      }
    }
  },
};
