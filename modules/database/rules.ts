import type { Path, Rule, RuleFinding } from "../config/types.ts";
import type { Site } from "../site/index.ts";
import { DATABASE_PART, databaseEnv } from "./index.ts";

/** What a site gets with its database, it cannot have from elsewhere too. */
export const databaseClash: Rule = {
  name: "database-clash",
  *check({ sites }) {
    for (const site of sites) {
      if (site.serve.kind !== "image" || site.serve.database === undefined) continue;
      const { secrets, env, database } = site.serve;
      const at = secrets.indexOf(database.secret);
      if (at >= 0) {
        const message = `${database.secret} is the file with the database's password: choose another name, or another database.secret`;
        yield fault(site, ["serve", "image", "secrets", at], message);
      }
      const given = databaseEnv(database, database.user);
      for (const name of Object.keys(env).filter((each) => each in given)) {
        const message = `${name} is set from database: take it out here, or choose another name in database.env`;
        yield { ...fault(site, ["serve", "image", "env", name], message), at: "key" };
      }
      const names = Object.values(database.env);
      for (const [key, name] of Object.entries(database.env)) {
        if (names.indexOf(name) === names.lastIndexOf(name)) continue;
        yield fault(site, ["serve", "image", "database", "env", key], `${name} is set twice by database.env`);
      }
    }
  },
};

/** A volume of that name would hold the files of a database, now or from before. */
export const databaseVolume: Rule = {
  name: "database-volume",
  *check({ sites }) {
    for (const site of sites) {
      if (site.serve.kind !== "image") continue;
      const at = site.serve.volumes.findIndex(({ name }) => name === DATABASE_PART.volume);
      if (at < 0) continue;
      const message = `${DATABASE_PART.volume} is the name of a database's own volume: choose another`;
      yield fault(site, ["serve", "image", "volumes", at, "name"], message);
    }
  },
};

function fault(site: Site, path: Path, message: string): RuleFinding {
  return { site: site.name, severity: "error", path, at: "value", message };
}
