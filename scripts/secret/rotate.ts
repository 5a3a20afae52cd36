import { EXIT, type ExitCode } from "../../modules/core/errors.ts";
import { randomSecret, type Secret } from "../../modules/core/secret.ts";
import { type Command, flag, type Input, OPTION } from "../cli/command.ts";
import { note, print } from "../cli/output.ts";
import type { OpenWorkspace } from "../cli/workspace.ts";

export const rotate: Command = {
  name: "rotate",
  summary: "Give a secret a new value, and roll the site over to it without an interruption",
  details:
    "The value is random unless --stdin gives one. Containers are replaced one after another, new before old. For the password of a database the new login is let in first and the old one shut out last, so both hold in between. Where the site does not come up with it, everything is put back. Whatever else is to be done for the site and the platform is shown first, and carried out with it.",
  arguments: [
    { name: "site", required: true, says: "the site" },
    { name: "name", required: true, says: "the secret's name; DB_PASSWORD for the site's database" },
  ],
  options: [
    OPTION.env,
    { flags: "--stdin", says: "read the value from standard input, or ask for it on a terminal" },
    OPTION.yes,
    OPTION.wait,
    OPTION.noWait,
  ],
  examples: [
    { line: "terrace secret rotate mailbox DB_PASSWORD", says: "a new password for the database" },
    { line: "terrace secret rotate mailbox API_TOKEN --stdin", says: "a value that somebody else gave out" },
  ],
  async run(input) {
    const [site = "", name = ""] = input.arguments;
    const [{ secretOf }, { askValue }, { agreed }, { showPending }] = await Promise.all([
      import("./site.ts"),
      import("./value.ts"),
      import("../cli/interact.ts"),
      import("../cli/pending.ts"),
    ]);
    const { database, ...workspace } = await secretOf(input, site, name, "rotate");
    const value = flag(input, "stdin") ? await askValue(`New value of ${name}`) : randomSecret();
    await showPending(workspace, [site]);
    note(`This gives ${name} of ${site} a new value and replaces the site's containers, new before old.`);
    if (!(await agreed(input))) return EXIT.failed;
    const code = await (database === undefined
      ? rotatePlain(input, workspace, site, name, value)
      : rotateLogin(input, workspace, site, value));
    if (code === EXIT.done) print(`Rotated ${name} of ${site}.`);
    return code;
  },
};

async function rotatePlain(
  input: Input,
  workspace: OpenWorkspace,
  site: string,
  name: string,
  value: Secret,
): Promise<ExitCode> {
  const [{ writeSecret }, { siteSecretName }] = await Promise.all([
    import("../../modules/workspace/index.ts"),
    import("../../stacks/site/secret-name.ts"),
  ]);
  const { root, platform } = workspace;
  const { path, undo } = await writeSecret(root, site, name, value, platform.secrets);
  const secret = siteSecretName(platform.name, site, name, value);
  return deployOr(input, site, async () => {
    const used = await runsWith(workspace, site, secret);
    if (used === false) {
      await undo();
      note(`${path}: the value before is back.`);
    } else {
      const known = used ? `${site} runs with it` : `whether ${site} runs with it could not be found out`;
      note(`${path} keeps the new value: ${known}. \`terrace up ${site}\` goes on with it.`);
    }
  });
}

/** Whether a site's service names a Swarm secret; `undefined` where the cluster does not tell. */
async function runsWith(workspace: OpenWorkspace, site: string, secret: string): Promise<boolean | undefined> {
  const [{ connectTo }, { isInUse }] = await Promise.all([
    import("../cli/engine.ts"),
    import("../../stacks/site/rotate.ts"),
  ]);
  const asked = async () => {
    return isInUse({ docker: await connectTo(workspace), platform: workspace.platform.name, site }, secret);
  };
  return asked().catch(() => undefined);
}

async function rotateLogin(input: Input, workspace: OpenWorkspace, site: string, value: Secret): Promise<ExitCode> {
  const { dropLogin, offerLogin, withdrawLogin } = await import("../../stacks/site/rotate.ts");
  const { before, after } = await locked(input, workspace, site, (context) => offerLogin(context, value));
  const withdraw = () => locked(input, workspace, site, (context) => withdrawLogin(context, after));
  const code = await deployOr(input, site, withdraw);
  if (code === EXIT.done) await locked(input, workspace, site, (context) => dropLogin(context, before));
  return code;
}

/** Deploys the site; calls `undo` where that does not go well to its end. */
async function deployOr(input: Input, site: string, undo: () => Promise<void>): Promise<ExitCode> {
  const { deploy } = await import("../apply.ts");
  const request = { arguments: [site], options: { ...input.options, yes: true } };
  const code = await deploy("secret rotate", request).catch(async (error: unknown) => {
    await undo();
    throw error;
  });
  if (code !== EXIT.done) await undo();
  return code;
}

async function locked<T>(
  input: Input,
  { platform, root }: OpenWorkspace,
  site: string,
  work: (context: import("../../stacks/site/rotate.ts").RotateContext) => Promise<T>,
): Promise<T> {
  const [{ connectTo }, { withLock }, { interruptible }, { waitOf }, { siteStack }] = await Promise.all([
    import("../cli/engine.ts"),
    import("../../modules/engine/index.ts"),
    import("../cli/interact.ts"),
    import("../cli/waiting.ts"),
    import("../../modules/names/index.ts"),
  ]);
  const docker = await connectTo({ platform, root });
  return interruptible(async (signal) => {
    const request = { docker, platform: platform.name, scopes: [siteStack(site)], reason: `secret rotate ${site}` };
    return withLock({ ...request, ...waitOf(input), signal, report: note }, (both) =>
      work({ docker, platform: platform.name, site, signal: both, report: note }),
    );
  });
}
