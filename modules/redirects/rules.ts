import { type Path, type Rule, type RuleFinding, siteFile } from "../config/types.ts";
import type { Site } from "../site/index.ts";
import { hostOwners, nextHop, returns, targetOf } from "./trace.ts";

/** Of two redirects for one path the second would never be reached. */
export const duplicateRedirect: Rule = {
  name: "duplicate-redirect",
  *check({ sites }) {
    for (const site of sites) {
      const first = new Map<string, number>();
      for (const [index, { from }] of site.redirects.entries()) {
        const before = first.get(from);
        if (before === undefined) first.set(from, index);
        else yield fault(site, ["redirects", index, "from"], `${from} has a redirect already (redirects.${before})`);
      }
    }
  },
};

/** A redirect that another one above it always forestalls. */
export const unreachedRedirect: Rule = {
  name: "unreached-redirect",
  *check({ sites }) {
    for (const site of sites) {
      for (const [index, { from }] of site.redirects.entries()) {
        const hop = nextHop(site, from);
        if (hop === undefined || hop.by === "retire" || hop.by >= index) continue;
        const above = site.redirects[hop.by]?.from;
        if (above === from || above === undefined) continue;
        const message = `is never reached, because ${above} above it matches first: move it up`;
        yield { ...fault(site, ["redirects", index, "from"], message), severity: "warning" };
      }
    }
  },
};

/** No way leads back to where it began, over however many sites. */
export const redirectLoop: Rule = {
  name: "redirect-loop",
  *check({ sites }) {
    const owners = hostOwners(sites);
    for (const site of sites) {
      for (const [index, { from, to }] of site.redirects.entries()) {
        if (nextHop(site, from.replace(/\*$/, "~"))?.by !== index) continue;
        if (!returns({ site, by: index }, owners)) continue;
        yield fault(
          site,
          ["redirects", index, "to"],
          `${to} leads back to ${from}: visitors would go round in circles`,
        );
      }
      if (site.retire !== undefined && returns({ site, by: "retire" }, owners)) {
        const message = `${site.retire.to} leads back to this site: visitors would go round in circles`;
        yield fault(site, ["retire", "to"], message);
      }
    }
  },
};

/** A target that is itself only a redirect, today or from its day on. */
export const redirectToRetired: Rule = {
  name: "redirect-to-retired",
  *check({ sites }) {
    const owners = hostOwners(sites);
    for (const site of sites) {
      const targets: [string, Path][] = site.redirects.map(({ to }, index) => [to, ["redirects", index, "to"]]);
      if (site.retire !== undefined) targets.push([site.retire.to, ["retire", "to"]]);
      for (const [to, path] of targets) {
        const other = targetOf(to.replaceAll(":splat", "~"), site, owners)?.site;
        if (other === undefined || other === site || other.retire === undefined) continue;
        const message = `leads to ${siteFile(other.name)}, which redirects from ${other.retire.redirect} on: better point at ${other.retire.to}`;
        yield { ...fault(site, path, message), severity: "warning" };
      }
    }
  },
};

function fault(site: Site, path: Path, message: string): RuleFinding {
  return { site: site.name, severity: "error", path, at: "value", message };
}
