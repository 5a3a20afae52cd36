import Module, { createRequire } from "node:module";

/** What the Pulumi SDK loads at its start and needs only to serialize functions, which no program here asks for. */
const LATE = ["@pulumi/pulumi/typescript-shim.js", "@npmcli/arborist"];

/**
 * Lets the SDK's two largest packages load at their first use, if there ever is one, and not with it: they are three quarters of the
 * time that it takes. To be called before anything loads the SDK; does nothing for a package that is there already.
 */
export function loadLate(): void {
  const require = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
  for (const name of LATE) {
    const path = require.resolve(name);
    if (require.cache[path] !== undefined) continue;
    const late = new Module(path);
    let real: Record<PropertyKey, unknown> | undefined;
    const load = () => {
      delete require.cache[path];
      return require(path) as Record<PropertyKey, unknown>;
    };
    late.exports = new Proxy(
      {},
      {
        get(_, key) {
          // What compilers make of an import copies everything at once, unless the module says that it was compiled, too.
          if (key === "__esModule") return true;
          real ??= load();
          return real[key];
        },
      },
    );
    late.loaded = true;
    require.cache[path] = late;
  }
}
