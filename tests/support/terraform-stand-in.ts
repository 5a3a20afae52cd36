import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * A program in the place of `tofu`, which is in no package mirror that these tests may use: it keeps what it was called with and where,
 * and answers as the real one does where its answer is read. Whether a provider takes the configuration is not shown by it.
 */
const PROGRAM = `#!/bin/sh
echo "$(basename "$PWD") $*" >>"$STANDIN/calls"
[ ! -f "$STANDIN/fail-$1" ] || { cat "$STANDIN/fail-$1" >&2; exit 1; }
case "$1" in
  init) [ -f cdk.tf.json ] || { echo "no configuration here" >&2; exit 1; }; echo "initialized" ;;
  plan) : >terrace.tfplan; echo "planned" ;;
  show) cat "$STANDIN/plan.json" ;;
  apply) [ -f terrace.tfplan ] || exit 1; echo "applied" ;;
  output) cat "$STANDIN/addresses.json" ;;
esac
`;

export interface Change {
  address: string;
  actions: string[];
}

export class TerraformStandIn {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes it into a new folder, which is to be on PATH, and named by STANDIN. */
  static async create(folder: string, name = "tofu"): Promise<TerraformStandIn> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, name);
    await writeFile(path, PROGRAM);
    await chmod(path, 0o755);
    const standIn = new TerraformStandIn(folder);
    await standIn.answer([], {});
    return standIn;
  }

  /** What it says would change, and what the addresses are. */
  async answer(changes: Change[], addresses: Record<string, string>): Promise<void> {
    const plan = {
      format_version: "1.2",
      resource_changes: changes.map(({ address, actions }) => ({ address, change: { actions } })),
    };
    await writeFile(join(this.folder, "plan.json"), JSON.stringify(plan));
    await writeFile(join(this.folder, "addresses.json"), JSON.stringify(addresses));
  }

  /** From now on it fails at a command, with these words. */
  async fail(command: string, words: string): Promise<void> {
    await writeFile(join(this.folder, `fail-${command}`), `${words}\n`);
  }

  /** Every call: the folder that it was run in, and its arguments. */
  async calls(): Promise<string[]> {
    const text = await readFile(join(this.folder, "calls"), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean);
  }
}
