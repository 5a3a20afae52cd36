import { type Rule, siteFile } from "../config/types.ts";

/** Exactly one site is the portal. Without any site there is nothing to have one for. */
export const onePortal: Rule = {
  name: "one-portal",
  *check({ sites, typed, complete }) {
    const portals = [...typed].filter(([, file]) => file.kind === "portal").map(([name]) => name);
    if (portals.length > 1) {
      for (const name of portals) {
        const others = portals.filter((other) => other !== name).map(siteFile);
        const message = `is portal in ${others.join(", ")} too: exactly one site is the portal`;
        yield { site: name, severity: "error", path: ["kind"], at: "value", message };
      }
    }
    if (portals.length === 0 && complete && sites.length > 0) {
      const message = "no site has `kind: portal`: exactly one must";
      yield { site: undefined, severity: "error", path: [], at: "value", message };
    }
  },
};
